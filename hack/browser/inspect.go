package main

import (
	"context"
	_ "embed" // the script that looks at the page from inside
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed inspect.js
var inside string

// look is a way of looking at the page.
type look struct {
	name          string
	width, height int64
	scheme        string
}

var looks = []look{
	{"phone-light", 390, 844, "light"},
	{"phone-dark", 390, 844, "dark"},
	{"desk-light", 1280, 900, "light"},
	{"desk-dark", 1280, 900, "dark"},
}

// inspect opens the page in a tab of its own and, with a token, signs in.
func inspect(browser context.Context, url, token, screenshots string, l look) (figures, error) {
	tab, closeTab := chromedp.NewContext(browser)
	defer closeTab()
	if err := chromedp.Do(tab); err != nil { // opens the tab
		return figures{}, err
	}
	var t traffic
	if err := errors.Join(t.listen(tab), enable(tab, l)); err != nil {
		return figures{}, err
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(l.width, l.height), chromedp.Navigate(url)); err != nil {
		return figures{}, err
	}
	total, err := examine(tab, &t, screenshots, l.name+"-out")
	if err != nil || token == "" {
		return total, err
	}
	if err := signIn(tab, token); err != nil {
		return total, err
	}
	in, err := examine(tab, &t, screenshots, l.name+"-in")
	total.add(in)
	total.Faults = append(total.Faults, in.Faults...)
	return total, err
}

// enable switches on what is listened to, and the light.
func enable(tab context.Context, l look) error {
	_, err := chromedp.Call(tab, network.Enable, network.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(tab, log.Enable, cdp.Empty{})
	}
	if err == nil {
		_, err = chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
		})
	}
	return err
}

// signIn uses the keyboard alone.
func signIn(tab context.Context, token string) error {
	return chromedp.Do(tab,
		chromedp.Evaluate[chromedp.Void](`document.getElementById("token").focus()`),
		chromedp.KeyEvent(token),
		chromedp.KeyEvent(kb.Enter),
		chromedp.WaitNotPresent("#token"),
	)
}

// seen is what inspect.js returns.
type seen struct {
	Contrast  float64  `json:"contrast"`
	Worst     string   `json:"worst"`
	Overflow  int      `json:"overflow"`
	Structure []string `json:"structure"`
	Painted   bool     `json:"painted"`
}

// settle is how long is waited for requests that come after the page has loaded.
const settle = 300 * time.Millisecond

func examine(tab context.Context, t *traffic, screenshots, name string) (figures, error) {
	if err := chromedp.Do(tab, chromedp.WaitReady("main"), chromedp.Sleep(settle)); err != nil {
		return figures{}, err
	}
	if err := picture(tab, screenshots, name); err != nil {
		return figures{}, err
	}
	unreachable, err := keyboard(tab)
	if err != nil {
		return figures{}, err
	}
	s, err := chromedp.Run(tab, chromedp.Evaluate[seen](inside))
	if err != nil {
		return figures{}, err
	}
	if err := picture(tab, screenshots, name+"-open"); err != nil {
		return figures{}, err
	}
	requests, kilobytes, complaints := t.reset()
	f := figures{
		ConsoleErrors: len(complaints), Unreachable: len(unreachable), Requests: len(requests), KB: kilobytes,
		ContrastMin: s.Contrast, OverflowPx: s.Overflow, StructureFaults: len(s.Structure),
	}
	f.Faults = append(append(append(f.Faults, complaints...), unreachable...), s.Structure...)
	if s.Contrast < 4.5 {
		f.Faults = append(f.Faults, fmt.Sprintf("contrast %.2f: %s", s.Contrast, s.Worst))
	}
	if len(requests) != 1 {
		f.Faults = append(f.Faults, fmt.Sprintf("requests: %q", requests))
	}
	if !s.Painted {
		f.ConsoleErrors++
		f.Faults = append(f.Faults, "nothing was painted")
	}
	return f, nil
}

func picture(tab context.Context, dir, name string) error {
	if dir == "" {
		return nil
	}
	png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
}

// maxStops bounds a walk by Tab that never comes to its end.
const maxStops = 300

// keyboard walks through the page with Tab, opens with Enter whatever opens, and
// returns what it did not come to, or what did not show that it has the focus
// (WCAG 2.2, 2.1.1 and 2.4.7).
func keyboard(tab context.Context) (faults []string, err error) {
	for range maxStops {
		if err := chromedp.Do(tab, chromedp.KeyEvent(kb.Tab)); err != nil {
			return nil, err
		}
		at, err := chromedp.Run(tab, chromedp.Evaluate[stop](atFocus))
		if err != nil {
			return nil, err
		}
		if at.Done {
			break
		}
		if at.Fault != "" {
			faults = append(faults, at.Fault)
		}
		if at.Opens {
			if err := chromedp.Do(tab, chromedp.KeyEvent(kb.Enter)); err != nil {
				return nil, err
			}
		}
	}
	missed, err := chromedp.Run(tab, chromedp.Evaluate[[]string](notSeen))
	return append(faults, missed...), err
}

// stop is an element that has the focus.
type stop struct {
	// Done: there is none any more.
	Done bool `json:"done"`
	// Opens: Enter shows more.
	Opens bool   `json:"opens"`
	Fault string `json:"fault"`
}

const focusable = `a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex="-1"])`

// atFocus notes the element that has the focus.
const atFocus = `(() => {
  window.pagecheckSeen ??= new Set();
  const e = document.activeElement, seen = window.pagecheckSeen;
  if (!e || e === document.body || seen.has(e)) return {done: true};
  seen.add(e);
  const s = getComputedStyle(e), name = e.outerHTML.slice(0, 80);
  const shown = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
  return {opens: e.tagName === "SUMMARY" && !e.parentElement.open, fault: shown ? "" : "focus is not visible: " + name};
})()`

// notSeen lists what Tab never came to, and what Enter did not open.
const notSeen = `[...document.querySelectorAll('` + focusable + `')]
  .filter(e => e.checkVisibility() && !window.pagecheckSeen?.has(e)).map(e => "Tab does not reach: " + e.outerHTML.slice(0, 80))
  .concat([...document.querySelectorAll("details:not([open])")].map(e => "Enter does not open: " + e.innerText.slice(0, 80)))`
