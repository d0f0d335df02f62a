package source_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
)

// parsed returns the rows of what an API answered.
func parsed(t *testing.T, content []byte) []export.Row {
	t.Helper()
	f, err := export.Read(content, export.Options{ByID: true, KeepKeys: true, Now: now})
	if err != nil || len(f.Unknown) > 0 {
		t.Fatalf("got %v, %v", f.Unknown, err)
	}
	return f.Rows
}

// TestAllPages checks that all tokens of all pages are read, each with its key.
func TestAllPages(t *testing.T) {
	for name, o := range map[string]*old{
		"New API": {n: 250}, "New API, one page": {n: 100}, "New API without batches": {n: 101, noBatch: true},
		"One API": {n: 25, isOne: true}, "One API, full pages": {n: 20, isOne: true},
	} {
		a, _ := api(t, o)
		content, err := a.NewAPI(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rows := parsed(t, content)
		if len(rows) != o.n {
			t.Errorf("%s: got %d rows, want %d", name, len(rows), o.n)
		}
		for _, r := range rows {
			if want := fmt.Sprintf("sk-**********%04d", r.Number); r.Problem != "" || r.Key.Mask != want || r.Used != 7 {
				t.Fatalf("%s: %s: got %q, %s, want %s", name, r.Place(), r.Problem, r.Key.Mask, want)
			}
		}
	}
}

// TestNoKeys checks that a key that the system does not give, or gives of another
// token, is a problem of its row, and that it is not asked for each.
func TestNoKeys(t *testing.T) {
	for name, o := range map[string]*old{
		"refused": {n: 50, noKeys: true},
		"another token's": {n: 2, before: func(o *old, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/api/token/batch/keys" {
				o.say(w, map[string]any{"keys": map[int]string{1: o.key(2), 2: o.key(1)}})
			}
			return r.URL.Path == "/api/token/batch/keys"
		}},
	} {
		a, _ := api(t, o)
		var warnings []string
		a.Warn = func(text string) { warnings = append(warnings, text) }
		content, err := a.NewAPI(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := (map[string][]string{"refused": {`it does not give the keys of 50 tokens (status 403, "no keys here"): export the table tokens from its database, which has them`}})[name]; !slices.Equal(warnings, want) {
			t.Errorf("%s: got %q, want %q", name, warnings, want)
		}
		for _, r := range parsed(t, content) {
			if r.Column != "key" || !strings.Contains(r.Problem, "missing or masked") {
				t.Errorf("%s: %s: got %q", name, r.Place(), r.Problem)
			}
		}
		if len(o.requests) > 6 {
			t.Errorf("%s: got %q", name, o.requests)
		}
	}
}

// TestNotWhole checks that tokens are never imported in part: if pages do not belong
// together, or an answer is cut off or is none.
func TestNotWhole(t *testing.T) {
	onPage := func(p string, do func(o *old, w http.ResponseWriter)) *old {
		return &old{n: 250, before: func(o *old, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("p") != p {
				return false
			}
			do(o, w)
			return true
		}}
	}
	answer := func(text string) *old {
		return onPage("0", func(_ *old, w http.ResponseWriter) { _, _ = io.WriteString(w, text) })
	}
	shifts := 0
	for name, c := range map[string]struct {
		o    *old
		want string
	}{
		"a total that changes": {onPage("2", func(o *old, w http.ResponseWriter) {
			o.say(w, map[string]any{"items": o.tokens(100, 100), "total": 249, "page": 2})
		}), "changed while they were read"},
		"a token on two pages": {onPage("2", func(o *old, w http.ResponseWriter) {
			o.say(w, map[string]any{"items": o.tokens(99, 100), "total": 250, "page": 2})
		}), "changed while they were read"},
		"a page that is empty": {onPage("2", func(o *old, w http.ResponseWriter) {
			o.say(w, map[string]any{"items": []any{}, "total": 250, "page": 2})
		}), "listed 100 tokens and says that there are 250"},
		"more tokens than the total": {onPage("0", func(o *old, w http.ResponseWriter) {
			o.say(w, map[string]any{"items": o.tokens(0, 100), "total": 90, "page": 1})
		}), "listed 100 tokens and says that there are 90"},
		"One API, a token that slips to the page before": {&old{n: 25, isOne: true, before: func(o *old, w http.ResponseWriter, r *http.Request) bool {
			page, _ := strconv.Atoi(r.URL.Query().Get("p"))
			if shifts++; page == 0 || shifts > 4 {
				return false
			}
			o.say(w, o.tokens(page*10+1, 10)) // a token of the first page was deleted
			return true
		}}, "changed while they were read"},
		"no total":           {answer(`{"success":true,"data":{"items":[]}}`), "is not a list of tokens"},
		"no list":            {answer(`{"success":true,"data":7}`), "is not a list of tokens"},
		"a page of a site":   {answer(`<!doctype html><title>New API</title>`), "is not a list of tokens"},
		"no tokens":          {answer(`{"success":true,"data":["a"]}`), "is not a list of tokens"},
		"a token twice":      {answer(`{"success":true,"data":[{"id":1,"remain_quota":1,"Remain_Quota":9}]}`), "a field twice"},
		"a token without ID": {answer(`{"success":true,"data":[{"name":"a"}]}`), "a token without id"},
		"a refusal":          {answer(`{"success":false,"message":"access token ` + accessToken + ` 无效"}`), "it refused the request (access token … 无效)"},
		"half an answer":     {answer(`{"success":true,"data":[{"id":1`), "cut off"},
		"a lost connection": {onPage("0", func(_ *old, w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"success":true,"data":[]}`)
		}), "cut off"},
	} {
		a, _ := api(t, c.o)
		content, err := a.NewAPI(t.Context())
		if err == nil || content != nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), accessToken) {
			t.Errorf("%s: got %d bytes, %v, want %q", name, len(content), err, c.want)
		}
	}
}

// TestStatuses checks what follows from each kind of status: an error that says what
// to do, another attempt, or a wait.
func TestStatuses(t *testing.T) {
	fails := func(times, status int, header string) *old {
		return &old{n: 3, before: func(_ *old, w http.ResponseWriter, _ *http.Request) bool {
			if times--; times < 0 {
				return false
			}
			w.Header().Set("Retry-After", header)
			w.WriteHeader(status)
			return true
		}}
	}
	for name, c := range map[string]struct {
		o     *old
		want  string // a part of the error
		waits []string
	}{
		"401":                 {fails(1, 401, ""), "refused the access token (401)", nil},
		"403":                 {fails(1, 403, ""), "refused the access token (403)", nil},
		"404":                 {fails(1, 404, ""), "no such list of tokens (404)", nil},
		"500, then an answer": {fails(2, 500, ""), "", []string{"1s", "2s"}},
		"502 for long":        {fails(9, 502, ""), "status 502", []string{"1s", "2s"}},
		"429, then an answer": {fails(2, 429, "7"), "", []string{"7s", "7s"}},
		"429 without a time":  {fails(2, 429, ""), "", []string{"1m0s", "1m0s"}},
		"429 for long":        {fails(99, 429, ""), "no more requests for now (429)", slices.Repeat([]string{"1m0s"}, 25)},
		"429 for too long":    {fails(9, 429, "86400"), "no more requests for now (429)", nil},
	} {
		a, waits := api(t, c.o)
		content, err := a.NewAPI(t.Context())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || (content == nil) != (err != nil) || !slices.Equal(*waits, c.waits) {
			t.Errorf("%s: got %d bytes, %v and the waits %v, want %q and %v", name, len(content), err, *waits, c.want, c.waits)
		}
	}
}

// TestTokenStaysHere checks that a redirect to another machine gets no access token,
// and that one on the same machine does.
func TestTokenStaysHere(t *testing.T) {
	o := &old{n: 2}
	there := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other machine got a request with %q, %q", r.Header.Get("Authorization"), r.Header.Get("New-Api-User"))
	}))
	defer there.Close()
	a, _ := api(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, there.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect) //nolint:gosec // what the test is about
	}))
	a.User = "1"
	if _, err := a.NewAPI(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects to "+there.URL) {
		t.Errorf("got %v", err)
	}
	a, _ = api(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, "/new"); ok {
			r.URL.Path = path
			o.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, "/new"+r.URL.RequestURI(), http.StatusTemporaryRedirect) //nolint:gosec // what the test is about
	}))
	if content, err := a.NewAPI(t.Context()); err != nil || len(parsed(t, content)) != 2 {
		t.Errorf("got %v", err)
	}
}

// TestUsersOfRoot checks that tokens of several users, as the root user sees them,
// follow the status of their users, and that they are not read without it.
func TestUsersOfRoot(t *testing.T) {
	users := `{"success":true,"data":{"items":[{"id":1,"username":"root","status":1,"password":"x","DeletedAt":null},{"id":2,"username":"bob","status":2,"DeletedAt":null},
		{"id":3,"username":"eve","status":1,"DeletedAt":"2025-01-01T00:00:00Z"}],"total":3,"page":1}}`
	o := &old{n: 4, before: func(o *old, w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/api/user/":
			_, _ = io.WriteString(w, users)
		case "/api/token/":
			tokens := o.tokens(0, 4)
			for i, one := range tokens {
				fields, _ := one.(map[string]any)
				fields["user_id"] = i + 1
			}
			o.say(w, map[string]any{"items": tokens, "total": 4, "page": 1})
		default:
			return false
		}
		return true
	}}
	a, _ := api(t, o)
	content, err := a.NewAPI(t.Context())
	if err != nil || strings.Contains(string(content), "password") {
		t.Fatalf("got %s, %v", content, err)
	}
	var got []string
	for _, r := range parsed(t, content) {
		got = append(got, r.Problem+r.Skip+strings.Join(r.Warnings, ""))
	}
	if want := []string{"", "its user is disabled, so it is imported disabled", "its user is deleted", "its user is deleted"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	users = `{"success":false,"message":"no"}`
	if _, err := a.NewAPI(t.Context()); err == nil || !strings.Contains(err.Error(), "not which of them are disabled") {
		t.Errorf("got %v", err)
	}
}

// TestUserHeader checks the header that New API wants.
func TestUserHeader(t *testing.T) {
	for _, user := range []string{"", "42"} {
		a, _ := api(t, &old{n: 1, before: func(_ *old, _ http.ResponseWriter, r *http.Request) bool {
			if got := r.Header.Values("New-Api-User"); strings.Join(got, " ") != user {
				t.Errorf("got %q, want %q", got, user)
			}
			return false
		}})
		a.User = user
		if _, err := a.NewAPI(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
