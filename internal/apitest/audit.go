package apitest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// audit tests the answers of audit trails. What they contain comes from the table's
// stream, which not every target has.
func audit(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := u.make(t, `{"name":"app","unlimited_quota":true}`)
	paths := []string{"/api/user/self/audit", fmt.Sprintf("/api/token/%d/audit", made.ID), "/api/token/999/audit"}
	for _, path := range paths {
		for _, slash := range []string{"", "/"} {
			page := wantData[wire.AuditPage](t, u.Do(t, http.MethodGet, path+slash+"?page_size=5", ""), http.StatusOK)
			if page.PageSize != 5 || page.Items == nil {
				t.Errorf("%s: got %+v", path, page)
			}
		}
		const before = "17000000000000000000001000000000000001"
		if page := wantData[wire.AuditPage](t, u.Do(t, http.MethodGet, path+"?after="+before, ""), http.StatusOK); len(page.Items) != 0 || page.Next != "" {
			t.Errorf("%s: got entries from before it existed: %+v", path, page)
		}
		for query, message := range map[string]string{
			"after=7":              "after must be the next of an answer.",
			"after=":               "after must be the next of an answer.",
			"after=-" + before[1:]: "after must be the next of an answer.",
			"page_size=x":          "page_size must be an integer that is not negative.",
			"page_size=%zz":        "the query string can't be read: percent-encode characters such as % and ;.",
		} {
			wantFailure(t, u.Do(t, http.MethodGet, path+"?"+query, ""), 400, "invalid_parameter", message)
		}
		wantFailure(t, target.Do(t, http.MethodGet, path, ""), 401, "unauthorized", nothingSent)
	}
	wantFailure(t, u.Do(t, http.MethodGet, "/api/token/x/audit", ""), 400, "invalid_parameter", "id must be an integer between 1 and 9007199254740991.")
	guest := target.User(t, token.RoleGuest)
	if got := guest.Do(t, http.MethodGet, paths[0], ""); got.Status != http.StatusForbidden {
		t.Errorf("guest: got %d", got.Status)
	}
}
