package apitest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func search(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, `{"tokens":[
		{"name":"Production App","remain_quota":5,"group":"vip"},
		{"name":"production worker"},
		{"name":"ΟΔΟΣ Straße","unlimited_quota":true},
		{"name":"300 K","remain_quota":5,"group":"vip"},
		{"name":"soon over","remain_quota":5},
		{"name":"switched off 100%","remain_quota":5}]}`), http.StatusCreated).Items
	u.put(t, `{"id":6,"status":2}`)
	first := made[0].Key
	u.put(t, `{"id":5,"expired_time":1}`)
	const all = "6 5 4 3 2 1"
	for _, row := range []struct {
		query, ids string
		next       int64
	}{
		{"", all, 0},
		{"keyword=", all, 0},
		{"keyword=production", "2 1", 0},
		{"keyword=PRODUCTION+A", "1", 0},
		{"keyword=duction", "2 1", 0},
		{"keyword=" + url.QueryEscape("οδος"), "3", 0},
		{"keyword=" + url.QueryEscape("οδοσ"), "3", 0},
		{"keyword=" + url.QueryEscape("STRAßE"), "3", 0},
		{"keyword=" + url.QueryEscape("300 \u212a"), "4", 0}, // the Kelvin sign
		{"keyword=" + url.QueryEscape("100%"), "6", 0},
		{"keyword=%25", "6", 0},
		{"keyword=.*", "", 0},
		{"keyword=nothing", "", 0},
		{"token=" + url.QueryEscape(mask(first)), "1", 0},
		{"token=" + url.QueryEscape(mask(first)[3:]), "1", 0},
		{"token=" + first[len(first)-4:], "1", 0},
		{"token=" + first[3:7], "1", 0},
		{"token=sk-" + first[3:7], "1", 0},
		{"token=sk-" + first[len(first)-4:], "1", 0},
		{"token=" + first[3:7] + "**" + first[len(first)-4:], "1", 0},
		{"token=sk-" + first[3:7] + "*", "1", 0},
		{"token=***" + first[len(first)-3:], "1", 0},
		{"token=" + first[len(first)-4:] + "*" + first[3:7], "", 0},
		{"token=***", all, 0},
		{"token=sk-", all, 0},
		{"token=", all, 0},
		{"status=1", "4 3 1", 0},
		{"status=2", "6", 0},
		{"status=3", "5", 0},
		{"status=4", "2", 0},
		{"group=vip", "4 1", 0},
		{"group=vi", "", 0},
		{"group=vip&keyword=app&status=1&token=" + first[len(first)-4:], "1", 0},
		{"group=vip&keyword=worker", "", 0},
		{"page_size=2", "6 5", 5},
		{"page_size=2&p=3", "2 1", 0},
		{"page_size=2&p=4", "", 0},
		{"p=9007199254740991&page_size=100", "", 0},
		{"keyword=production&ps=1&p=2", "1", 0},
		{"keyword=production&ps=1", "2", 2},
		{"after=2&keyword=production&ps=1", "1", 0},
		{"after=4", "3 2 1", 0},
		{"after=4&keyword=production", "2 1", 0},
		{"other=1", all, 0},
	} {
		t.Run("200/"+short(row.query), func(t *testing.T) {
			got := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/search?"+row.query, ""), http.StatusOK)
			if ids(got) != row.ids || got.Next != row.next {
				t.Errorf("got ids %s, next %d, want %s and %d", ids(got), got.Next, row.ids, row.next)
			}
			if !strings.Contains(row.query, "p") && got.Total != int64(len(strings.Fields(row.ids))) {
				t.Errorf("got total %d, want that of %s", got.Total, row.ids)
			}
		})
	}
	if got := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/search/?keyword=production&page_size=1", ""), http.StatusOK); got.Total != 2 || got.Page != 1 || got.PageSize != 1 {
		t.Errorf("got total %d, page %d of size %d, want 2, 1 and 1", got.Total, got.Page, got.PageSize)
	}
	if got := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/search?group=vip&after=7&page_size=1", ""), http.StatusOK); ids(got) != "4" || got.Next != 4 || got.Page != 0 {
		t.Errorf("got ids %s, next %d, page %d, want 4, 4 and none", ids(got), got.Next, got.Page)
	}
	rotated := wantData[wire.Token](t, u.Do(t, http.MethodPost, tokenPath(1)+"/rotate", `{"grace_seconds":600}`), http.StatusOK)
	for _, key := range []string{first, rotated.Key} {
		if got := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/search?token="+url.QueryEscape(mask(key)), ""), http.StatusOK); ids(got) != "1" {
			t.Errorf("the mask of a key that works finds %q, want 1", ids(got))
		}
	}

	const noPart = "token must be a key as lists show it, or up to four of its first or last characters."
	const whole = " must not be a whole key, because query strings end up in logs. Search for its mask or its last four characters instead."
	for query, message := range map[string]string{
		"token=" + first:                             "token" + whole,
		"token=" + first[3:]:                         "token" + whole,
		"keyword=" + first:                           "keyword" + whole,
		"token=" + first[3:8]:                        noPart,
		"token=" + first[:20]:                        noPart,
		"token=" + first[3:7] + first[len(first)-4:]: noPart,
		"token=" + first[3:8] + "***":                noPart,
		"token=a-b":                                  noPart,
		"status=5":                                   "status must be 1 (enabled), 2 (disabled), 3 (expired) or 4 (exhausted).",
		"status=0":                                   "status must be 1 (enabled), 2 (disabled), 3 (expired) or 4 (exhausted).",
		"status=on":                                  "status must be 1 (enabled), 2 (disabled), 3 (expired) or 4 (exhausted).",
		"keyword=" + strings.Repeat("a", 51):         "keyword must have 0 to 50 characters, not 51.",
		"page_size=-1":                               "page_size must be an integer that is not negative.",
		"p=1&after=1":                                "after and p exclude each other: send only one of them.",
	} {
		wantFailure(t, u.Do(t, http.MethodGet, "/api/token/search?"+query, ""), http.StatusBadRequest, "invalid_parameter", message)
	}
	if got := wantData[wire.TokenPage](t, target.User(t, token.RoleUser).Do(t, http.MethodGet, "/api/token/search?keyword=production", ""), http.StatusOK); got.Total != 0 {
		t.Errorf("another user finds %d of these tokens", got.Total)
	}
}
