package boot //nolint:testpackage // checks are not exported

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
)

// timerPages is a bucket with pages of one event each, and a Scheduler and a Publisher
// that can fail.
type timerPages struct {
	pages      int
	notDue     bool
	broken     int // the page that can't be published, from 1
	unplanned  bool
	published  []string
	scheduled  []string // and not cancelled
	nowSeconds int64
	mu         sync.Mutex
}

func (p *timerPages) FileTimers(context.Context, []dynamo.StreamRecord, int64) (dynamo.Timers, error) {
	return dynamo.Timers{Buckets: []dynamo.TimerBucket{7, 8}}, nil
}

func (p *timerPages) CheckTimers(_ context.Context, _ dynamo.TimerBucket, from string, _ int64) (dynamo.Timers, error) {
	if p.notDue {
		return dynamo.Timers{}, dynamo.ErrTimersNotDue
	}
	page := 0
	_, _ = fmt.Sscan(from, &page)
	t := dynamo.Timers{Events: []event.Event{{ID: fmt.Sprint("page", page+1)}}}
	if page+1 < p.pages {
		t.Next = fmt.Sprint(page + 1)
	}
	return t, nil
}

func (p *timerPages) Publish(_ context.Context, events []event.Event) error {
	if events[0].ID == fmt.Sprint("page", p.broken) {
		return errors.New("no connection")
	}
	p.published = append(p.published, events[0].ID)
	return nil
}

func (p *timerPages) Schedule(_ context.Context, c TimerCheck, at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unplanned {
		return errors.New("no schedule")
	}
	p.scheduled = append(p.scheduled, fmt.Sprintf("%d from %q attempt %d in %d s", c.Bucket, c.From, c.Attempt, at.Unix()-p.nowSeconds))
	return nil
}

func (p *timerPages) Cancel(_ context.Context, c TimerCheck) error {
	p.scheduled = slices.DeleteFunc(p.scheduled, func(s string) bool {
		return strings.HasPrefix(s, fmt.Sprintf("%d from %q attempt %d ", c.Bucket, c.From, c.Attempt))
	})
	return nil
}

func (p *timerPages) now() time.Time { return time.Unix(p.nowSeconds, 0) }

// A check publishes all pages of its bucket. What it can't do is scheduled for later,
// from the page on that is missing: in five minutes if something failed, in one if only
// the time was over. Lambda repeats the call only if that fails, too.
func TestTimerCheck(t *testing.T) {
	t.Parallel()
	const due = 300 * 300
	for name, tt := range map[string]struct {
		payload              string
		pages                *timerPages
		timeLeft             time.Duration
		published, scheduled []string
		failed               bool
	}{
		"all":           {`{"bucket":300}`, &timerPages{pages: 3, scheduled: []string{`300 from "" attempt 2000 in 25200 s`}}, time.Hour, []string{"page1", "page2", "page3"}, nil, false},
		"rest":          {`{"bucket":300,"from":"2","attempt":4}`, &timerPages{pages: 3}, time.Hour, []string{"page3"}, nil, false},
		"not_published": {`{"bucket":300}`, &timerPages{pages: 3, broken: 2}, time.Hour, []string{"page1"}, []string{`300 from "1" attempt 1 in 300 s`}, false},
		"again":         {`{"bucket":300,"attempt":1}`, &timerPages{pages: 1, broken: 1}, time.Hour, nil, []string{`300 from "" attempt 2 in 300 s`}, false},
		"no_time":       {`{"bucket":300}`, &timerPages{pages: 3}, 15 * time.Second, []string{"page1"}, []string{`300 from "1" attempt 1 in 60 s`}, false},
		"not_scheduled": {`{"bucket":300}`, &timerPages{pages: 1, broken: 1, unplanned: true}, time.Hour, nil, nil, true},
		"after_a_day":   {`{"bucket":300}`, &timerPages{pages: 1, broken: 1, nowSeconds: due + 86_401}, time.Hour, nil, nil, true},
		"not_due":       {`{"bucket":300}`, &timerPages{notDue: true}, time.Hour, nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tt.pages
			if p.nowSeconds == 0 {
				p.nowSeconds = due + 30
			}
			c, ok := readTimerCheck([]byte(tt.payload))
			if !ok {
				t.Fatal("not read as a check")
			}
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeLeft)
			defer cancel()
			timers := Timers{p, p, p, p.now}
			var log bytes.Buffer
			_, err := timers.answer(ctx, c, slog.New(slog.NewJSONHandler(&log, nil)))
			if !slices.Equal(p.published, tt.published) || !slices.Equal(p.scheduled, tt.scheduled) || (err != nil) != tt.failed {
				t.Errorf("published %v, scheduled %v, error %v; want %v, %v, %v", p.published, p.scheduled, err, tt.published, tt.scheduled, tt.failed)
			}
			if got, want := strings.Contains(log.String(), `"rest":"1"`), len(tt.published) == 1 && len(tt.scheduled) == 1; got != want {
				t.Errorf("got the log %s, want where the next check goes on: %t", &log, want)
			}
		})
	}
}

// An event of the stream is not taken for a check.
func TestStreamEventIsNoCheck(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{`{"Records":[]}`, `{"bucket":0}`, `{"bucket":"a"}`, ``, `[]`} {
		if c, ok := readTimerCheck([]byte(payload)); ok {
			t.Errorf("%s: got %v", payload, c)
		}
	}
}

// The buckets of new timers are scheduled before the changes count as finished.
func TestFiledTimersAreScheduled(t *testing.T) {
	t.Parallel()
	p := &timerPages{}
	timers := Timers{p, p, p, p.now}
	_, err := timers.file(t.Context(), []dynamo.StreamRecord{{}})
	slices.Sort(p.scheduled)
	if want := []string{`7 from "" attempt 0 in 2100 s`, `7 from "" attempt 2000 in 27300 s`, `8 from "" attempt 0 in 2400 s`, `8 from "" attempt 2000 in 27600 s`}; err != nil || !slices.Equal(p.scheduled, want) {
		t.Errorf("got %v, %v, want %v", p.scheduled, err, want)
	}
	p.unplanned = true
	if _, err := timers.file(t.Context(), []dynamo.StreamRecord{{}}); err == nil {
		t.Error("got no error, want one: the timers would never be checked")
	}
}
