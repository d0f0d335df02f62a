package boot_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	happened "github.com/latchkey-api/latchkey/shared/event"
)

// A pipeline folds and publishes records, and notes in which order.
type pipeline struct {
	finished  int // records that the fold finishes
	foldErr   error
	publisher error
	steps     []string
	published []string // the ids of events
}

func (p *pipeline) Fold(context.Context, []dynamo.StreamRecord, int64) (dynamo.Folding, error) {
	p.steps = append(p.steps, "fold")
	return dynamo.Folding{Done: p.finished}, p.foldErr
}

func (p *pipeline) Publish(_ context.Context, events []happened.Event) error {
	p.steps = append(p.steps, "publish")
	for _, e := range events {
		p.published = append(p.published, e.ID)
	}
	return p.publisher
}

// The events of the records that the fold has finished are published after it. If that
// fails, Lambda gets an error, so that all records come again in smaller batches; an event that can't be made holds nothing up.
func TestHistoryPublishes(t *testing.T) {
	t.Parallel()
	const event3 = `{"Records":[` + streamRecord1 + `,` + streamRecord2 + `,` + streamRecord3 + `]}`
	for name, tt := range map[string]struct {
		p         pipeline
		unmade    string // a record of which no event can be made
		published []string
		answer    string // "": an error
		log       string
	}{
		"all":              {p: pipeline{finished: 3}, published: []string{"of-1", "of-2", "of-3"}, answer: `[]`, log: `"events":3,`},
		"fold_stops":       {p: pipeline{finished: 2, foldErr: errors.New("throttled")}, published: []string{"of-1", "of-2"}, answer: `[{"itemIdentifier":"3"}]`, log: "throttled"},
		"fold_does_none":   {p: pipeline{foldErr: errors.New("throttled")}, answer: `[{"itemIdentifier":"1"}]`, log: `"events":0,`},
		"publishing_fails": {p: pipeline{finished: 3, publisher: errors.New("no bus")}, published: []string{"of-1", "of-2", "of-3"}, log: "publish 3 events: no bus"},
		"one_is_lost":      {p: pipeline{finished: 3, publisher: &happened.LostError{Events: 1, Why: "malformed"}}, published: []string{"of-1", "of-2", "of-3"}, answer: `[]`, log: `"unreadable":1,`},
		"both_fail":        {p: pipeline{finished: 1, foldErr: errors.New("throttled"), publisher: errors.New("no bus")}, published: []string{"of-1"}, log: "throttled"},
		"unmade":           {p: pipeline{finished: 3}, unmade: "2", published: []string{"of-1", "part-of-2", "of-3"}, answer: `[]`, log: `"unreadable":1,`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eventsOf := func(r dynamo.StreamRecord) ([]happened.Event, error) {
				if r.Sequence == tt.unmade {
					return []happened.Event{{ID: "part-of-" + r.Sequence}}, errors.New("malformed")
				}
				return []happened.Event{{ID: "of-" + r.Sequence}}, nil
			}
			var log bytes.Buffer
			answer, err := boot.History(&tt.p, eventsOf, &tt.p, nil, time.Now, slog.New(slog.NewJSONHandler(&log, nil))).Invoke(t.Context(), []byte(event3))
			want := fmt.Sprintf(`{"batchItemFailures":%s}`, tt.answer)
			if failed := tt.answer == ""; failed != (err != nil) || !failed && string(answer) != want {
				t.Errorf("got %s, %v, want %s", answer, err, cmp.Or(tt.answer, "an error"))
			}
			if !slices.Equal(tt.p.published, tt.published) || tt.p.steps[0] != "fold" {
				t.Errorf("published %v by %v, want %v after the fold", tt.p.published, tt.p.steps, tt.published)
			}
			if !strings.Contains(log.String(), tt.log) {
				t.Errorf("got log %s, want %s in it", log.String(), tt.log)
			}
		})
	}
}

const (
	streamRecord1 = `{"eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"1"}}`
	streamRecord2 = `{"eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"2"}}`
	streamRecord3 = `{"eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"3"}}`
)
