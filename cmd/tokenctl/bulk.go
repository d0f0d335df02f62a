package main

import (
	"fmt"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A bulk applies one change to many tokens, a batch at a time.
type bulk struct {
	session *session
	out     *console
	done    string // past participle of the change, such as "deleted"
	json    bool
}

// bulkResult is what --json prints.
type bulkResult struct {
	Count   int           `json:"count"`
	Results []wire.Result `json:"results"`
}

// unique returns ids in order, each once.
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

// run calls batch for up to wire.MaxIDs ids at a time. It prints each token that
// failed on stderr and returns an error if there was one. ids must be unique.
func (b bulk) run(ids []int64, batch func([]int64) ([]wire.Result, error)) error {
	all := bulkResult{Results: []wire.Result{}}
	bar := b.out.progress(len(ids), b.done)
	defer bar.Close() //nolint:errcheck // only affects the display
	for first := 0; first < len(ids); first += wire.MaxIDs {
		part := ids[first:min(first+wire.MaxIDs, len(ids))]
		results, err := batch(part)
		if err != nil {
			_ = bar.Clear()
			return b.interrupted(all, len(ids), err)
		}
		for i := range results {
			results[i].Index += first
			if results[i].Success {
				all.Count++
			}
		}
		all.Results = append(all.Results, results...)
		_ = bar.Add(len(part))
	}
	_ = bar.Finish()
	return b.report(all)
}

// interrupted reports the batches that were done before one failed with err.
func (b bulk) interrupted(all bulkResult, ids int, err error) error {
	if len(all.Results) > 0 {
		if err := b.printResults(all); err != nil {
			return err
		}
	}
	return problemf("%d of %d tokens were %s before this error: %s", all.Count, ids, b.done, sentence(b.session.explain(err)))
}

// printResults prints each failure on stderr and, with --json, all results on
// stdout.
func (b bulk) printResults(all bulkResult) error {
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

// report ends a run in which every batch was sent.
func (b bulk) report(all bulkResult) error {
	if err := b.printResults(all); err != nil {
		return err
	}
	if failed := len(all.Results) - all.Count; failed > 0 {
		return problemf("%d of %d tokens were %s; %d failed", all.Count, len(all.Results), b.done, failed)
	}
	if b.json {
		return nil
	}
	return b.out.print(fmt.Sprintf("%d tokens %s.\n", all.Count, b.done))
}
