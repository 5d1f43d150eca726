// Command pagecheck opens a page in Chromium as people do and says what is wrong
// with it: on a phone and on a desk, by day and by night, signed out and in.
//
//	pagecheck [-token TOKEN] [-screenshots DIR] URL
//
// It prints one "bar NAME VALUE" line for each figure, what it found on standard
// error, and fails when a figure is out of bounds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	token := flag.String("token", "", "sign in with this token, by keyboard alone, and look at that page too")
	screenshots := flag.String("screenshots", "", "folder to put pictures in; none where empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := run(ctx, flag.Arg(0), *token, *screenshots); err != nil {
		fmt.Fprintln(os.Stderr, "pagecheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, token, screenshots string) error {
	if url == "" {
		return errors.New("usage: pagecheck [-token TOKEN] [-screenshots DIR] URL")
	}
	browser, stop, err := start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	total := figures{ContrastMin: 21}
	for _, look := range looks {
		f, err := inspect(browser, url, token, screenshots, look)
		if err != nil {
			return fmt.Errorf("%s: %w", look.name, err)
		}
		for _, fault := range f.Faults {
			fmt.Fprintf(os.Stderr, "pagecheck: %s: %s\n", look.name, fault)
		}
		total.add(f)
	}
	return total.report()
}

// figures of a page; those of several are added up or the worst.
type figures struct {
	ConsoleErrors, Unreachable, Requests, OverflowPx, StructureFaults int
	ContrastMin, KB                                                   float64
	// Faults in words.
	Faults []string
}

func (f *figures) add(o figures) {
	f.ConsoleErrors += o.ConsoleErrors
	f.Unreachable += o.Unreachable
	f.StructureFaults += o.StructureFaults
	f.Requests = max(f.Requests, o.Requests)
	f.OverflowPx = max(f.OverflowPx, o.OverflowPx)
	f.KB = max(f.KB, o.KB)
	f.ContrastMin = min(f.ContrastMin, o.ContrastMin)
}

// report prints the bars. The bounds are those of the design: WCAG 2.2 AA for
// contrast (1.4.3) and keyboard (2.1.1, 2.4.7), 100 KB, one request.
func (f *figures) report() error {
	good := true
	bar := func(name string, value any, ok bool) {
		fmt.Printf("bar %s %v\n", name, value)
		good = good && ok
	}
	bar("page-console-errors", f.ConsoleErrors, f.ConsoleErrors == 0)
	bar("page-contrast-min", fmt.Sprintf("%.2f", f.ContrastMin), f.ContrastMin >= 4.5)
	bar("page-kb", fmt.Sprintf("%.1f", f.KB), f.KB <= 100)
	bar("page-requests", f.Requests, f.Requests == 1)
	bar("page-keyboard-unreachable", f.Unreachable, f.Unreachable == 0)
	bar("page-overflow-px", f.OverflowPx, f.OverflowPx == 0)
	bar("page-structure-faults", f.StructureFaults, f.StructureFaults == 0)
	if !good {
		return errors.New("a figure is out of bounds")
	}
	return nil
}
