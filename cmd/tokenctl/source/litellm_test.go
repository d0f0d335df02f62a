package source_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/cmd/tokenctl/source"
)

// liteLLM is LiteLLM with n keys, of which it says that there are total.
func liteLLM(n, total int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		keys := []any{}
		for i := (page - 1) * 100; i < n && len(keys) < 100; i++ {
			keys = append(keys, map[string]any{
				"token": fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, i))), "key_alias": fmt.Sprint("k", i), "spend": 0, "max_budget": nil, "expires": nil, "models": []any{}, "blocked": nil,
			})
		}
		if r.URL.Path != "/key/list" || r.URL.Query().Get("return_full_object") != "true" {
			w.WriteHeader(http.StatusNotFound)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys, "total_count": total, "current_page": page, "total_pages": (total + 99) / 100})
	}
}

// TestLiteLLM checks that all keys of all pages are read, or none.
func TestLiteLLM(t *testing.T) {
	for _, n := range []int{1, 100, 250} {
		a, _ := api(t, liteLLM(n, n))
		content, err := a.LiteLLM(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range parsed(t, content) {
			if r.Problem != "" || r.Place() != fmt.Sprintf("row %d", i+1) || i >= n {
				t.Errorf("%s: got %q", r.Place(), r.Problem)
			}
		}
	}
	for want, h := range map[string]http.Handler{
		"listed 100 tokens and says that there are 101": liteLLM(100, 101),
		"listed 100 tokens and says that there are 99":  liteLLM(150, 99),
		"(403)":                 &old{n: 3},
		"is not a list of keys": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"detail":"x"}`)) }),
		"is not a list of tokens": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":["5f2c"],"total_count":1}`))
		}),
	} {
		a, _ := api(t, h)
		if content, err := a.LiteLLM(t.Context()); err == nil || content != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %d bytes, %v, want %q", len(content), err, want)
		}
	}
}

// FuzzAPI checks that two answers of an API, whatever they are, become an error or
// tokens of which the good ones follow the rules of the API.
func FuzzAPI(f *testing.F) {
	for _, first := range []string{
		`{"success":true,"data":{"items":[{"id":1,"key":"a**b","name":"a","remain_quota":1}],"total":1,"page":1}}`,
		`{"success":true,"data":[{"id":1,"key":"ab","name":"a","remain_quota":1}]}`, `{"success":false,"message":"no"}`,
		`{"keys":[{"token":"5f","key_alias":"a","spend":0,"max_budget":1,"expires":null,"models":[],"blocked":null}],"total_count":2}`, `{"data":`, ``,
	} {
		for _, second := range []string{`{"success":true,"data":{"keys":{"1":"axxb"}}}`, `{"success":true,"data":[]}`, `{"keys":[{"token":"60"}],"total_count":2}`} {
			f.Add([]byte(first), []byte(second))
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, fetch := range []func(source.API, context.Context) ([]byte, error){source.API.NewAPI, source.API.LiteLLM} {
			answers := [][]byte{first, second}
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if len(answers) == 0 {
					w.WriteHeader(http.StatusGone)
					return
				}
				_, _ = w.Write(answers[0])
				answers = answers[1:]
			}))
			a := source.API{URL: s.URL, AccessToken: accessToken, Wait: func(context.Context, time.Duration, string) error { return errors.New("no time") }}
			content, err := fetch(a, t.Context())
			s.Close()
			if err != nil {
				continue
			}
			all, err := export.Read(content, export.Options{Now: now, ByID: true, KeepKeys: true})
			if err != nil {
				continue
			}
			for _, r := range all.Rows {
				if _, err := export.Check(r.Token, now); err != nil && r.Problem == "" && r.Skip == "" {
					t.Errorf("%s is good and breaks a rule: %v", r.Place(), err)
				}
			}
		}
	})
}

// TestLiteLLMRefusesKey checks that a wrong key is a matter of LiteLLM, which has no
// --from-user.
func TestLiteLLMRefusesKey(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer s.Close()
	a := source.API{URL: s.URL, AccessToken: accessToken}
	const want = "it refused the key (401): use its master key, or the key of a user who may list all keys"
	if _, err := a.LiteLLM(t.Context()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}
