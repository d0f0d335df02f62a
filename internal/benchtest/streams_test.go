package benchtest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// streams opens streams that stay open, and reads the first event of each, until one
// fails, as many are open as may be, or a minute has passed. One that is refused because
// the engine is busy is tried again. At the end another request must be answered.
func (b *bench) streams(t testing.TB, proxy *server, keys []string) []string {
	t.Helper()
	client := newClient(t)
	client.Timeout = 5 * time.Minute // of a whole stream
	most, openers, lasts := b.mostStreams(t), 16, time.Minute
	before := statusMB(proxy.cmd.Process.Pid, "VmRSS")
	var started, open atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	begun := time.Now()
	for range openers {
		workers.Go(func() {
			for failed.Load() == nil && time.Since(begun) < lasts {
				n := started.Add(1)
				if n > most {
					return
				}
				try := func() error { return b.openStream(t, client, proxy.url, keys[n%int64(len(keys))]) }
				if err := untilNotBusy(try, begun.Add(lasts)); err != nil {
					failed.Store(&err)
					return
				}
				open.Add(1)
			}
		})
	}
	workers.Wait()
	took := time.Since(begun)
	ended := "as many as this machine's limit of open files allows"
	switch err := failed.Load(); {
	case err != nil:
		ended = fmt.Sprintf("the next failed: %v", *err)
	case open.Load() < most:
		ended = fmt.Sprintf("as many as were opened in %v", lasts)
	case most == b.scale.streams:
		ended = "the most that are tried"
	}
	another := func() error { return chat(client, proxy.url, keys[0], http.StatusOK) }
	if err := untilNotBusy(another, time.Now().Add(lasts)); err != nil {
		t.Errorf("with %d streams open: %v", open.Load(), err)
	}
	memory := statusMB(proxy.cmd.Process.Pid, "VmRSS") - before
	return []string{
		fmt.Sprintf("| streams open at a time | %d: %s |", open.Load(), ended),
		fmt.Sprintf("| streams opened a second, %d at a time | %.0f |", openers, float64(open.Load())/took.Seconds()),
		fmt.Sprintf("| memory of the proxy for each of them | %.0f KB |", 1000*memory/float64(open.Load())),
	}
}

// untilNotBusy tries something until it is not refused because the engine is busy, or
// until a time.
func untilNotBusy(try func() error, until time.Time) error {
	for {
		if err := try(); !errors.Is(err, errBusy) || time.Now().After(until) {
			return err
		}
	}
}

// patiently is untilNotBusy for a minute.
func patiently(try func() error) error { return untilNotBusy(try, time.Now().Add(time.Minute)) }

// mostStreams returns how many streams are tried: a stream takes two files of the proxy,
// and two of this process, which is client and upstream.
func (b *bench) mostStreams(t testing.TB) int64 {
	t.Helper()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	const others = 500
	return min(b.scale.streams, int64(files.Max-others)/2) //nolint:gosec // a limit of files
}

// openStream opens a stream that is closed at the end of the test.
func (b *bench) openStream(t testing.TB, client *http.Client, url, key string) error {
	answer, err := post(client, url, key, `{"model":"gpt-4o","stream":true,"max_tokens":16,"messages":[{"role":"user","content":"do:hang-2"}]}`)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		status, body, err := finish(answer, nil)
		return errors.Join(err, checkStatus(status, http.StatusOK, body))
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	_, err = io.ReadFull(answer.Body, make([]byte, 5))
	return err
}
