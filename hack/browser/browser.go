package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// start runs Chromium with a profile of its own and nothing of its own to say to
// the world.
func start(ctx context.Context) (context.Context, func(), error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, errors.New("needs chromium; hack/apt.sh browser installs it")
	}
	profile, err := os.MkdirTemp("", "pagecheck-")
	if err != nil {
		return nil, nil, err
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(profile)}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "no-default-browser-check",
		"disable-background-networking", "disable-component-update", "disable-sync", "disable-extensions", "mute-audio",
	} {
		opts = append(opts, chromedp.Flag(name, true))
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, opts...)
	browser, stopBrowser := chromedp.NewContext(allocator)
	stop := func() {
		stopBrowser()
		stopAllocator()
		_ = os.RemoveAll(profile)
	}
	if err := chromedp.Do(browser); err != nil {
		stop()
		return nil, nil, err
	}
	return browser, stop, nil
}

// traffic is what a tab loads and complains about.
type traffic struct {
	mu       sync.Mutex
	requests []string
	bytes    float64
	errors   []string
}

// listen collects the events of a tab.
func (t *traffic) listen(tab context.Context) error {
	return chromedp.Listen(tab, func(event any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "data:") {
				t.requests = append(t.requests, e.Request.Method+" "+e.Request.URL)
			}
		case *network.EventLoadingFinished:
			t.bytes += e.EncodedDataLength
		case *runtime.EventExceptionThrown:
			t.errors = append(t.errors, "exception: "+e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				t.errors = append(t.errors, "console: "+string(e.Type))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				t.errors = append(t.errors, "log: "+e.Entry.Text)
			}
		}
	})
}

// reset forgets what was, and returns it.
func (t *traffic) reset() (requests []string, kb float64, errors []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	requests, kb, errors = t.requests, t.bytes/1000, t.errors
	t.requests, t.bytes, t.errors = nil, 0, nil
	return requests, kb, errors
}
