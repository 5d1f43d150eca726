// Looks at the page from inside: contrast of all text, width, structure.
(() => {
  const parse = color => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return {r, g, b, a};
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      layers.push(color);
      if (color.a === 1) break;
    }
    return layers.reduceRight((below, top) => over(top, below), {r: 255, g: 255, b: 255, a: 1});
  };
  // Relative luminance and contrast ratio (WCAG 2.2, section 5).
  const luminance = ({r, g, b}) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  let contrast = 21, worst = "";
  const compare = (text, ink, ground) => {
    const c = ratio(over(ink, ground), ground);
    if (c < contrast) { contrast = c; worst = text.trim().slice(0, 60); }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const e = node.parentElement;
    if (node.data.trim() && e.checkVisibility()) compare(node.data, parse(getComputedStyle(e).color), behind(e));
  }
  for (const e of document.querySelectorAll("body *")) {
    if (e.tagName === "INPUT") compare("input", parse(getComputedStyle(e).color), behind(e));
    const before = getComputedStyle(e, "::before");
    if (before.content !== "none" && before.content !== "normal" && before.content !== '""') {
      compare("before " + e.innerText, parse(before.color), over(parse(before.backgroundColor), behind(e)));
    }
  }

  const structure = [];
  if (!document.documentElement.lang) structure.push("the document has no language");
  if (!document.title) structure.push("the document has no title");
  if (document.querySelectorAll("h1").length !== 1) structure.push("not exactly one h1");
  if (document.querySelectorAll("main").length !== 1) structure.push("not exactly one main");
  let level = 0;
  for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const own = Number(h.tagName[1]);
    if (own > level + 1) structure.push("heading level skipped before: " + h.innerText);
    level = own;
  }
  for (const e of document.querySelectorAll("input:not([type=hidden])")) if (!e.labels.length) structure.push("input without a label: " + e.name);
  for (const e of document.querySelectorAll("a, button")) if (!e.innerText.trim()) structure.push("no text: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("th:not([scope])")) structure.push("th without scope: " + e.innerText);
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) structure.push("id twice: " + id);
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of [e.getAttribute("aria-labelledby"), e.getAttribute("aria-describedby")]) {
      if (id && !document.getElementById(id)) structure.push("refers to no element: " + id);
    }
  }
  return {
    contrast, worst, structure, overflow: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    painted: performance.getEntriesByName("first-contentful-paint").length === 1,
  };
})()
