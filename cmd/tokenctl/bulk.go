package main

import (
	"fmt"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A bulk does one thing to many tokens.
type bulk struct {
	session *session
	out     *console
	done    string // what has become of them
	json    bool
}

type bulkResult struct {
	Count   int           `json:"count"`
	Results []wire.Result `json:"results"`
}

// unique takes repetitions out.
func unique(ids []int64) []int64 {
	once := make([]int64, 0, len(ids))
	seen := map[int64]bool{}
	for _, id := range ids {
		if !seen[id] {
			once = append(once, id)
		}
		seen[id] = true
	}
	return once
}

// run goes through ids that are each there once, a batch at a time, tells each
// failure on stderr, and is an error if there was one.
func (b bulk) run(ids []int64, batch func([]int64) ([]wire.Result, error)) error {
	all := bulkResult{Results: []wire.Result{}}
	bar := b.out.progress(len(ids), b.done)
	defer bar.Close() //nolint:errcheck // a bar
	for at := 0; at < len(ids); at += wire.MaxIDs {
		some := ids[at:min(at+wire.MaxIDs, len(ids))]
		results, err := batch(some)
		if err != nil {
			_ = bar.Clear()
			return b.broken(all, len(ids), err)
		}
		for i := range results {
			results[i].Index += at
			if results[i].Success {
				all.Count++
			}
		}
		all.Results = append(all.Results, results...)
		_ = bar.Add(len(some))
	}
	_ = bar.Finish()
	return b.report(all)
}

// broken reports what was done before a batch that went wrong.
func (b bulk) broken(all bulkResult, ids int, err error) error {
	if len(all.Results) > 0 {
		if err := b.tell(all); err != nil {
			return err
		}
	}
	return problemf("%d of %d tokens are %s, and then it went wrong: %s", all.Count, ids, b.done, sentence(b.session.explain(err)))
}

// tell prints each failure, and in JSON everything.
func (b bulk) tell(all bulkResult) error {
	for _, r := range all.Results {
		if !r.Success {
			b.out.note(fmt.Sprintf("token %d: %s.", r.ID, lowered(r.Message)))
		}
	}
	if b.json {
		return b.out.printJSON(all)
	}
	return nil
}

func (b bulk) report(all bulkResult) error {
	if err := b.tell(all); err != nil {
		return err
	}
	if failed := len(all.Results) - all.Count; failed > 0 {
		return problemf("%d of %d tokens are %s, and %d are not", all.Count, len(all.Results), b.done, failed)
	}
	if b.json {
		return nil
	}
	return b.out.print(fmt.Sprintf("%d tokens are %s.\n", all.Count, b.done))
}
