package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func list(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	const total = 25
	for i := range total {
		u.make(t, fmt.Sprintf(`{"name":"n%d"}`, i+1))
	}
	if err := u.Delete(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		query      string
		page, size int64
		ids        string
		next       int64
	}{
		{"", 1, 10, "25 24 23 22 21 19 18 17 16 15", 15},
		{"?p=0&page_size=0", 1, 10, "25 24 23 22 21 19 18 17 16 15", 15},
		{"?p=2", 2, 10, "14 13 12 11 10 9 8 7 6 5", 5},
		{"?p=3", 3, 10, "4 3 2 1", 0},
		{"?p=4", 4, 10, "", 0},
		{"?p=9007199254740991&page_size=100", 9007199254740991, 100, "", 0},
		{"?page_size=3&p=2", 2, 3, "22 21 19", 19},
		{"?size=2", 1, 2, "25 24", 24},
		{"?ps=1", 1, 1, "25", 25},
		{"?page_size=1&size=5&ps=6", 1, 1, "25", 25},
		{"?size=5&ps=6", 1, 5, "25 24 23 22 21", 21},
		{"?page_size=24", 1, 24, "25 24 23 22 21 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1", 0},
		{"?page_size=101&p=2", 2, 100, "", 0},
		{"?page_size=99999999999999999999&p=2", 2, 100, "", 0},
		{"?page_size=2&order=asc", 1, 2, "25 24", 24},
		{"?page_size=02&p=01", 1, 2, "25 24", 24},
	} {
		t.Run("200/"+short(row.query), func(t *testing.T) {
			got := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/"+row.query, ""), http.StatusOK)
			if got.Page != row.page || got.PageSize != row.size || got.Total != total-1 || ids(got) != row.ids || got.Next != row.next {
				t.Errorf("got page %d of size %d, total %d, ids %s, next %d\nwant page %d of size %d, total %d, ids %s, next %d",
					got.Page, got.PageSize, got.Total, ids(got), got.Next, row.page, row.size, total-1, row.ids, row.next)
			}
		})
	}
	for _, row := range []struct {
		query string
		ids   string
		next  int64
	}{
		{"?after=9007199254740991&page_size=3", "25 24 23", 23},
		{"?after=23&page_size=3", "22 21 19", 19},
		{"?after=20&page_size=2", "19 18", 18},
		{"?after=4&page_size=3", "3 2 1", 0},
		{"?after=5&page_size=3", "4 3 2", 2},
		{"?after=2&page_size=3", "1", 0},
		{"?after=1", "", 0},
		{"?after=99999999999999999999&page_size=1", "25", 25},
	} {
		t.Run("200/"+short(row.query), func(t *testing.T) {
			answer := u.Do(t, http.MethodGet, "/api/token/"+row.query, "")
			got := wantData[wire.TokenPage](t, answer, http.StatusOK)
			if ids(got) != row.ids || got.Next != row.next || got.Total != total-1 {
				t.Errorf("got ids %s, next %d, total %d; want %s, %d, %d", ids(got), got.Next, got.Total, row.ids, row.next, total-1)
			}
			if strings.Contains(answer.Body, `"next"`) != (row.next != 0) {
				t.Errorf("want next on every page but the last: %s", answer.Body)
			}
		})
	}
	for query, message := range map[string]string{
		"?p=-1":               "p must be an integer that is not negative.",
		"?p=x":                "p must be an integer that is not negative.",
		"?p=1.0":              "p must be an integer that is not negative.",
		"?p=%2B1":             "p must be an integer that is not negative.",
		"?p=":                 "p must be an integer that is not negative.",
		"?p=9007199254740992": "p must be at most 9007199254740991.",
		"?page_size=-1":       "page_size must be an integer that is not negative.",
		"?page_size=ten":      "page_size must be an integer that is not negative.",
		"?size=-5":            "size must be an integer that is not negative.",
		"?ps=0x10":            "ps must be an integer that is not negative.",
		"?page_size=":         "page_size must be an integer that is not negative.",
		"?after=":             "after must be an integer that is not negative.",
		"?after=0":            "after must be the id of a token, 1 or above.",
		"?after=-3":           "after must be an integer that is not negative.",
		"?after=3&p=1":        "after and p exclude each other: send only one of them.",
		"?p=%zz":              "the query string can't be read: percent-encode characters such as % and ;.",
	} {
		t.Run("400/"+short(query), func(t *testing.T) {
			wantFailure(t, u.Do(t, http.MethodGet, "/api/token/"+query, ""), 400, "invalid_parameter", message)
		})
	}
	empty := target.User(t, token.RoleUser)
	if got, want := empty.Do(t, http.MethodGet, "/api/token/?p=7", "").Body, `{"success":true,"message":"","data":{"page":7,"page_size":10,"total":0,"items":[]}}`; got != want {
		t.Errorf("a list without tokens is %s\nwant %s", got, want)
	}
}

func ids(page wire.TokenPage) string {
	all := make([]string, len(page.Items))
	for i, item := range page.Items {
		all[i] = fmt.Sprint(item.ID)
	}
	return strings.Join(all, " ")
}

func update(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	full := fmt.Sprintf(`{"name":"full","remain_quota":5,"expired_time":%d,"model_limits_enabled":true,"models":["a","b"],"allow_ips":["10.0.0.0/8"],"group":"g"}`, time.Now().Unix()+1000)
	want := u.make(t, full)
	want.Key = mask(want.Key)

	t.Run("absent_and_null_change_nothing", func(t *testing.T) {
		wantSame(t, u.put(t, `{"id":1}`), want)
		wantSame(t, u.put(t, `{"id":1,"name":null,"remain_quota":null,"expired_time":null,"models":null,"allow_ips":null,"group":null,"status":null,"unlimited_quota":null,"model_limits_enabled":null}`), want)
	})
	t.Run("an_echoed_token_changes_nothing", func(t *testing.T) {
		echo := u.Do(t, http.MethodGet, tokenPath(1), "").Body
		echo = strings.TrimSuffix(strings.TrimPrefix(echo, `{"success":true,"message":"","data":`), "}")
		wantSame(t, u.put(t, echo), want)
	})
	t.Run("each_field_alone", func(t *testing.T) {
		for _, change := range []struct {
			body  string
			apply func()
		}{
			{`"name":"new"`, func() { want.Name = "new" }},
			{`"remain_quota":9`, func() { want.RemainQuota = 9 }},
			{`"expired_time":-1`, func() { want.ExpiredTime = -1 }},
			{`"models":["c"]`, func() { want.Models, want.ModelLimits = []string{"c"}, "c" }},
			{`"model_limits_enabled":false`, func() { want.ModelLimitsEnabled = false }},
			{`"models":[]`, func() { want.Models, want.ModelLimits = []string{}, "" }},
			{`"allow_ips":""`, func() { want.AllowIPs, want.Subnet = "", "" }},
			{`"group":""`, func() { want.Group = "" }},
			{`"status":2`, func() { want.Status = 2 }},
			{`"status":1`, func() { want.Status = 1 }},
			{`"unlimited_quota":true,"remain_quota":77`, func() { want.UnlimitedQuota = true }},
			{`"remain_quota":78`, func() {}}, // ignored while unlimited
			{`"unlimited_quota":false`, func() { want.UnlimitedQuota = false }},
			{`"unlimited_quota":false,"remain_quota":3`, func() { want.RemainQuota = 3 }},
		} {
			change.apply()
			wantSame(t, u.put(t, `{"id":1,`+change.body+`}`), want)
			wantSame(t, wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(1), ""), http.StatusOK), want)
		}
	})
	t.Run("model_limits_need_a_model", func(t *testing.T) {
		wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"model_limits_enabled":true}`), 400, "invalid_parameter", noModels)
		u.put(t, `{"id":1,"models":"x"}`)
		u.put(t, `{"id":1,"model_limits_enabled":true}`)
		wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"models":[]}`), 400, "invalid_parameter", noModels)
		u.put(t, `{"id":1,"models":[],"model_limits_enabled":false}`)
	})
	for body, message := range map[string]string{
		`{"name":"x"}`:            "id is required: send the id of the token to update.",
		`{"id":null}`:             "id is required: send the id of the token to update.",
		`{"id":0}`:                badID,
		`{"id":-1}`:               badID,
		`{"id":9007199254740992}`: badID,
		`{"id":"1"}`:              "id must be an integer, not a string.",
		`{"id":1.0}`:              "id must be an integer, not a number with a fraction or exponent.",
		`{"id":[1]}`:              "id must be an integer, not an array.",
	} {
		t.Run("400/"+short(body), func(t *testing.T) {
			wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", body), 400, "invalid_parameter", message)
		})
	}
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":2,"name":"x"}`), 404, "token_not_found", noSuchToken)
}

func status(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	u.make(t, `{"name":"a","remain_quota":5}`)
	only := func(t *testing.T, body string) Response {
		t.Helper()
		return u.Do(t, http.MethodPut, "/api/token/?status_only=true", body)
	}
	wantStatus := func(t *testing.T, want wire.Status) {
		t.Helper()
		got := wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(1), ""), http.StatusOK).Status
		listed := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK).Items[0].Status
		if got != want || listed != want {
			t.Errorf("status is %d, in the list %d; want %d", got, listed, want)
		}
	}
	wantStatus(t, 1)
	t.Run("quota_exhausts_and_a_top-up_revives", func(t *testing.T) {
		u.put(t, `{"id":1,"remain_quota":0}`)
		wantStatus(t, 4)
		u.put(t, `{"id":1,"unlimited_quota":true}`)
		wantStatus(t, 1)
		u.put(t, `{"id":1,"unlimited_quota":false}`)
		wantStatus(t, 4)
		u.put(t, `{"id":1,"remain_quota":1}`)
		wantStatus(t, 1)
	})
	t.Run("expired_takes_precedence_over_exhausted", func(t *testing.T) {
		u.put(t, `{"id":1,"expired_time":1700000000,"remain_quota":0}`)
		wantStatus(t, 3)
		u.put(t, `{"id":1,"expired_time":-1,"remain_quota":1}`)
		wantStatus(t, 1)
	})
	t.Run("disabled_takes_precedence", func(t *testing.T) {
		u.put(t, `{"id":1,"expired_time":1700000000,"remain_quota":0,"status":2}`)
		wantStatus(t, 2)
		u.put(t, `{"id":1,"status":1}`)
		wantStatus(t, 3)
		u.put(t, `{"id":1,"expired_time":-1,"remain_quota":5}`)
	})
	t.Run("status_only_changes_only_the_status", func(t *testing.T) {
		got := wantData[wire.Token](t, only(t, `{"id":1,"status":2,"name":"other","remain_quota":99,"models":["z"]}`), http.StatusOK)
		if got.Status != 2 || got.Name != "a" || got.RemainQuota != 5 || len(got.Models) != 0 {
			t.Errorf("got %+v, want only the status changed", got)
		}
		if got := wantData[wire.Token](t, only(t, `{"id":1,"status":3}`), http.StatusOK); got.Status != 2 {
			t.Errorf("an echoed 3 made the status %d, want it as it was", got.Status)
		}
		wantData[wire.Token](t, only(t, `{"id":1,"status":1}`), http.StatusOK)
		wantStatus(t, 1)
	})
	t.Run("409", func(t *testing.T) {
		u.put(t, `{"id":1,"remain_quota":0,"status":2}`)
		wantFailure(t, only(t, `{"id":1,"status":1}`), 409, "token_exhausted", "The token has no quota left; it can't be enabled. Raise remain_quota, or set unlimited_quota.")
		u.put(t, `{"id":1,"expired_time":1700000000}`)
		wantFailure(t, only(t, `{"id":1,"status":1}`), 409, "token_expired", "The token is expired; it can't be enabled. Set expired_time to a later time, or to -1.")
		wantStatus(t, 2)
		wantData[wire.Token](t, only(t, `{"id":1,"status":2}`), http.StatusOK)
	})
	wantFailure(t, only(t, `{"id":1}`), 400, "invalid_parameter", "status is required with status_only: send 1 to enable or 2 to disable the token.")
	wantFailure(t, only(t, `{"id":9,"status":1}`), 404, "token_not_found", noSuchToken)
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/?status_only=yes", `{"id":1,"status":1}`), 400, "invalid_parameter", "status_only must be true or false.")
	wantData[wire.Token](t, u.Do(t, http.MethodPut, "/api/token/?status_only=false", `{"id":1,"name":"b"}`), http.StatusOK)
}

func deletion(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	for range 3 {
		u.make(t, `{"name":"a"}`)
	}
	if got := u.Do(t, http.MethodDelete, tokenPath(2), "a body is ignored"); got.Body != `{"success":true,"message":"","data":null}` || got.Status != http.StatusOK {
		t.Errorf("got %d %s, want 200 with null data", got.Status, got.Body)
	}
	wantFailure(t, u.Do(t, http.MethodDelete, tokenPath(2), ""), 404, "token_not_found", noSuchToken)
	wantFailure(t, u.Do(t, http.MethodGet, tokenPath(2), ""), 404, "token_not_found", noSuchToken)
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":2,"name":"b"}`), 404, "token_not_found", noSuchToken)
	page := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK)
	if ids(page) != "3 1" || page.Total != 2 {
		t.Errorf("got ids %s, total %d; want 3 1, 2", ids(page), page.Total)
	}
	if made := u.make(t, `{"name":"next"}`); made.ID != 4 {
		t.Errorf("the next id is %d, want 4: a deleted one is not used again", made.ID)
	}
}

// A request for another user's token gets the same answer, byte for byte but
// for the request ID, as one for an ID that does not exist.
func foreign(t *testing.T, target *Target) {
	a, b := target.User(t, token.RoleUser), target.User(t, token.RoleUser)
	for range 3 {
		b.make(t, `{"name":"b's"}`)
	}
	a.make(t, `{"name":"a's"}`)
	before := b.Do(t, http.MethodGet, tokenPath(3), "").Body
	for _, request := range []struct{ method, path, body string }{
		{http.MethodGet, "/api/token/%d", ""},
		{http.MethodDelete, "/api/token/%d", ""},
		{http.MethodPut, "/api/token/", `{"id":%d,"name":"mine now"}`},
		{http.MethodPut, "/api/token/", `{"id":%d,"model_limits_enabled":true}`},
		{http.MethodPut, "/api/token/?status_only=true", `{"id":%d,"status":2}`},
		{http.MethodPut, "/api/token/?status_only=true", `{"id":%d,"status":1}`},
		{http.MethodPut, "/api/token/?status_only=true", `{"id":%d,"status":4}`},
	} {
		ask := func(id int64) string {
			fill := func(s string) string { return strings.Replace(s, "%d", fmt.Sprint(id), 1) }
			got := a.Do(t, request.method, fill(request.path), fill(request.body))
			requestID := got.Header.Get("X-Request-Id")
			for _, changing := range []string{"X-Request-Id", "Apigw-Requestid", "Date"} {
				got.Header.Del(changing)
			}
			return fmt.Sprint(got.Status, got.Header, strings.Replace(got.Body, requestID, "", 1))
		}
		theirs, nobodys := ask(3), ask(777)
		if theirs != nobodys || !strings.HasPrefix(theirs, "404 ") {
			t.Errorf("%s %s %s:\nanother user's: %s\nnobody's:       %s\nwant the same 404", request.method, request.path, request.body, theirs, nobodys)
		}
	}
	if after := b.Do(t, http.MethodGet, tokenPath(3), "").Body; after != before {
		t.Errorf("the other user's token changed from %s to %s", before, after)
	}
}
