package api

import (
	"fmt"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/token"
)

// batchPath is where several tokens are dealt with in one request.
const batchPath = CollectionPath + "/batch"

// MaxIDs is how many tokens one request can delete, or switch.
const MaxIDs = 100

// A Result is what became of one of several ids. Where it is no success,
// Field, Code and Message say why, as of a request for that id alone.
type Result struct {
	Index   int    `json:"index"` // in the ids, from 0
	ID      int64  `json:"id"`
	Success bool   `json:"success"`
	Field   string `json:"field,omitempty"`
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// IDsInput is the body of a batch on tokens that exist. Status is for the
// batch that switches them.
type IDsInput struct {
	IDs    *[]int64 `json:"ids,omitempty"`
	Status *int64   `json:"status,omitempty"` // 1 enables, 2 disables
}

// idsField is the name of an element of ids.
func idsField(i int) string { return fmt.Sprintf("ids[%d]", i) }

// check holds the ids to 1 to MaxIDs numbers that can be ids.
func (in IDsInput) check() error {
	if in.IDs == nil || len(*in.IDs) == 0 || len(*in.IDs) > MaxIDs {
		return &token.InvalidError{Field: "ids", Reason: fmt.Sprintf("must be an array of 1 to %d ids of tokens", MaxIDs)}
	}
	for i, id := range *in.IDs {
		if id < 1 || id > token.MaxInteger {
			return &token.InvalidError{Field: idsField(i), Reason: fmt.Sprintf("must be an integer between 1 and %d", int64(token.MaxInteger))}
		}
	}
	return nil
}

// unique are the ids without repetitions; where tells the place of each in
// what was sent.
func (in IDsInput) unique() (ids []int64, where []int) {
	seen := map[int64]bool{}
	for i, id := range *in.IDs {
		if !seen[id] {
			seen[id] = true
			ids, where = append(ids, id), append(where, i)
		}
	}
	return ids, where
}

// report is the answer to a batch: its data is the count of successes, as
// clients of the API family expect it, and beside it is what became of each.
func report(ids []int64, where []int, errs []error) answer {
	var a answer
	count := 0
	results := make([]Result, len(ids))
	for i, id := range ids {
		results[i] = Result{Index: where[i], ID: id, Success: errs[i] == nil}
		if errs[i] == nil {
			count++
			a.tokenIDs = append(a.tokenIDs, id)
			continue
		}
		p := explain(errs[i])
		results[i].Field, results[i].Code, results[i].Message = idsField(where[i]), p.code, p.message
	}
	a.status, a.data, a.results = http.StatusOK, count, results
	return a
}

func readIDs(r *http.Request) (IDsInput, error) {
	var in IDsInput
	if err := decode(r, &in); err != nil {
		return in, err
	}
	return in, in.check()
}
