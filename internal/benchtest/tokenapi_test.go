package benchtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/modelstest"
)

// tokenAPI is a management API of New API's family, ours included, as one user sees it.
type tokenAPI struct {
	client          *http.Client
	url, credential string
	user            string // for the header New-Api-User; "" if it is ours
	fromZero        bool   // pages are counted from 0, as in older versions
	mu              sync.Mutex
	tokens          []tokenRow // that newKey made, oldest first
	doomed          []int64    // ids of tokens to delete
	deleted         atomic.Int64
}

// A tokenRow is a token as answers have it.
type tokenRow struct {
	ID          int64  `json:"id"`
	Key         string `json:"key"`
	RemainQuota int64  `json:"remain_quota"`
}

func (a *tokenAPI) call(method, path string, body, out any) error {
	header := http.Header{"Authorization": {"Bearer " + a.credential}}
	if a.user != "" {
		header.Set("New-Api-User", a.user)
	}
	return callJSON(a.client, method, a.url+path, header, body, out)
}

// list returns a page of tokens, newest first; the first page is 1.
func (a *tokenAPI) list(page, size int) (rows []tokenRow, err error) {
	path := fmt.Sprintf("/api/token/?p=%d&page_size=%d", page, size)
	if a.fromZero {
		path = fmt.Sprintf("/api/token/?p=%d&size=%d", page-1, size)
	}
	var answer struct{ Data json.RawMessage }
	if err := a.call(http.MethodGet, path, nil, &answer); err != nil {
		return nil, err
	}
	if json.Unmarshal(answer.Data, &rows) == nil {
		return rows, nil
	}
	var in struct{ Items []tokenRow }
	err = json.Unmarshal(answer.Data, &in)
	return in.Items, err
}

func (a *tokenAPI) create(units int64) (tokenRow, error) {
	var made struct{ Data tokenRow }
	err := a.call(http.MethodPost, "/api/token/", map[string]any{
		"name": "production-app", "remain_quota": units, "expired_time": 4102444800,
		"model_limits_enabled": true, "model_limits": "gpt-4o," + flatModel,
	}, &made)
	return made.Data, err
}

// createAndFind makes a token. If the answer does not have it, it is the newest in the list.
func (a *tokenAPI) createAndFind(units int64) (tokenRow, error) {
	row, err := a.create(units)
	if err != nil || row.ID != 0 {
		return row, err
	}
	rows, err := a.list(1, 1)
	if err != nil || len(rows) != 1 {
		return row, fmt.Errorf("list the newest token: %d tokens, %w", len(rows), err)
	}
	return rows[0], nil
}

// newKey makes a token.
func (a *tokenAPI) newKey(units int64) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	row, err := a.createAndFind(units)
	if err == nil && strings.Contains(row.Key, "*") { // a mask
		var full struct{ Data tokenRow }
		err = a.call(http.MethodPost, fmt.Sprintf("/api/token/%d/key", row.ID), nil, &full)
		row.Key = full.Data.Key
	}
	if err != nil {
		return "", err
	}
	row.Key, row.RemainQuota = "sk-"+strings.TrimPrefix(row.Key, "sk-"), units
	a.tokens = append(a.tokens, row)
	return row.Key, nil
}

func (a *tokenAPI) charged(key string) (int64, error) {
	made := a.tokens[slices.IndexFunc(a.tokens, func(row tokenRow) bool { return row.Key == key })]
	var found struct{ Data tokenRow }
	err := a.call(http.MethodGet, fmt.Sprint("/api/token/", made.ID), nil, &found)
	return made.RemainQuota - found.Data.RemainQuota, err
}

// An operation of a management API that is compared, with the ratio of requests a second
// that ours should reach; 0 is no goal.
type managed struct {
	name string
	goal float64
	do   func(a *tokenAPI, n int64) error
}

// operationsOfTokens come in an order in which lists have tokens until the end.
func operationsOfTokens() []managed {
	return []managed{
		{"get", 1, func(a *tokenAPI, n int64) error {
			return a.call(http.MethodGet, fmt.Sprint("/api/token/", a.id(n)), nil, nil)
		}},
		{"list the newest 10", 0.8, func(a *tokenAPI, _ int64) error { return a.full(a.list(1, 10)) }},
		{"last page", 0, func(a *tokenAPI, _ int64) error { return a.full(a.list(len(a.tokens)/10, 10)) }},
		{"search", 0.3, func(a *tokenAPI, _ int64) error {
			return a.call(http.MethodGet, "/api/token/search?keyword=production", nil, nil)
		}},
		{"update", 0, func(a *tokenAPI, n int64) error {
			return a.call(http.MethodPut, "/api/token/", map[string]any{
				"id": a.id(n), "name": fmt.Sprint("production ", n), "remain_quota": 1_000_000, "expired_time": 4102444800,
				"model_limits_enabled": true, "model_limits": "gpt-4o," + flatModel,
			}, nil)
		}},
		{"create", 0, func(a *tokenAPI, _ int64) error { _, err := a.create(1_000_000); return err }},
		{"delete", 1, func(a *tokenAPI, _ int64) error {
			n := a.deleted.Add(1) - 1
			if n >= int64(len(a.doomed)) {
				return errUsedUp
			}
			return a.call(http.MethodDelete, fmt.Sprint("/api/token/", a.doomed[n]), nil, nil)
		}},
	}
}

// doom makes tokens until there are n to delete.
func (a *tokenAPI) doom(n int) error {
	for page := 1; ; page++ {
		var rows []tokenRow
		err := patiently(func() (err error) {
			rows, err = a.list(page, 100)
			return err
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			a.doomed = append(a.doomed, row.ID)
		}
		if len(rows) < 100 {
			break
		}
	}
	for missing := n - len(a.doomed); missing > 0; missing-- {
		var row tokenRow
		err := patiently(func() (err error) {
			row, err = a.createAndFind(1_000_000)
			return err
		})
		if err != nil {
			return err
		}
		a.doomed = append(a.doomed, row.ID)
	}
	return nil
}

func (a *tokenAPI) id(n int64) int64 { return a.tokens[n%int64(len(a.tokens))].ID }

// full checks that a page has tokens.
func (a *tokenAPI) full(rows []tokenRow, err error) error {
	if err == nil && len(rows) != 10 {
		err = fmt.Errorf("the page has %d tokens, want 10", len(rows))
	}
	return err
}

// prepareNewAPI gives the root user enough quota, and makes a channel to an upstream, with
// a model that costs one unit for each token.
func (a *tokenAPI) prepareNewAPI(t testing.TB, upstream string) {
	t.Helper()
	var page struct{ Data json.RawMessage }
	err := a.call(http.MethodGet, "/api/token/", nil, &page)
	a.fromZero = strings.HasPrefix(string(page.Data), "[")
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPut, "/api/option/", map[string]string{"key": "ModelRatio", "value": `{"gpt-4o":1,"` + flatModel + `":1}`}},
		{http.MethodPut, "/api/option/", map[string]string{"key": "CompletionRatio", "value": `{"gpt-4o":1,"` + flatModel + `":1}`}},
		{http.MethodPut, "/api/user/", map[string]any{"id": 1, "username": "root", "display_name": "root", "group": "default", "quota": int64(1e12)}},
		{http.MethodPost, "/api/channel/", map[string]any{
			"name": "benchmark", "type": 1, "key": modelstest.Key, "base_url": upstream, "models": "gpt-4o," + flatModel, "group": "default", "groups": []string{"default"}, "status": 1,
		}},
	} {
		if err == nil {
			err = a.call(step.method, step.path, step.body, nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
