package source_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/source"
)

const accessToken = "Xk81sPq0Lw7VbRcHd9FgYw4JzAe6UoPi" //nolint:gosec // of a system of the test

// An old is New API or One API with n tokens, newest first.
type old struct {
	n       int
	isOne   bool // One API: 10 on a page, counted from 0, without a total; keys in full
	noBatch bool // keys one by one only
	noKeys  bool
	before  func(o *old, w http.ResponseWriter, r *http.Request) bool // whether it has answered

	requests []string
}

func (o *old) key(id int) string {
	return fmt.Sprintf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN%08d", id)
}

// ServeHTTP implements http.Handler.
func (o *old) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.requests = append(o.requests, r.Method+" "+r.URL.RequestURI())
	if o.before != nil && o.before(o, w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+accessToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	id, isOne := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/api/token/"), "/key")
	switch {
	case r.URL.Path == "/api/token/" && o.isOne:
		page, _ := strconv.Atoi(r.URL.Query().Get("p"))
		o.say(w, o.tokens(page*10, 10))
	case r.URL.Path == "/api/token/":
		page, _ := strconv.Atoi(r.URL.Query().Get("p"))
		page = max(page, 1)
		o.say(w, map[string]any{"items": o.tokens((page-1)*100, 100), "total": o.n, "page": page, "page_size": 100})
	case o.isOne:
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Path == "/api/token/batch/keys" && !o.noBatch:
		var in struct{ IDs []int }
		_ = json.NewDecoder(r.Body).Decode(&in)
		keys := map[int]string{}
		for _, id := range in.IDs {
			keys[id] = o.key(id)
		}
		if o.noKeys {
			_, _ = io.WriteString(w, `{"success":false,"message":"needs verification"}`)
			return
		}
		o.say(w, map[string]any{"keys": keys})
	case isOne && !o.noKeys:
		n, _ := strconv.Atoi(id)
		o.say(w, map[string]any{"key": o.key(n)})
	default:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"success":false,"message":"no keys here"}`)
	}
}

func (o *old) say(w io.Writer, data any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "message": "", "data": data})
}

// tokens returns a part of the list.
func (o *old) tokens(from, most int) []any {
	list := []any{}
	for id := o.n - from; id > 0 && len(list) < most; id-- {
		key := o.key(id)
		token := map[string]any{
			"id": id, "user_id": 1, "key": key, "status": 1, "name": fmt.Sprint("n", id), "created_time": 1, "accessed_time": 1, "expired_time": -1, "remain_quota": 10,
			"unlimited_quota": false, "used_quota": 7,
		}
		if o.isOne {
			token["models"], token["subnet"] = nil, ""
		} else {
			token["key"] = key[:4] + "**********" + key[44:]
			token["model_limits_enabled"], token["model_limits"], token["allow_ips"], token["group"], token["DeletedAt"] = false, "", "", "", nil
		}
		list = append(list, token)
	}
	return list
}

// api starts a system and returns its API, which waits for nothing, and what it was
// told of waits.
func api(t *testing.T, h http.Handler) (source.API, *[]string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	waits := new([]string)
	return source.API{URL: s.URL, AccessToken: accessToken, Wait: func(ctx context.Context, d time.Duration, _ string) error {
		*waits = append(*waits, d.String())
		return ctx.Err()
	}}, waits
}
