package apitest

import (
	"net/http"
	"testing"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// The status needs no authentication, and a wrong credential does no harm.
func systemStatus(t *testing.T, target *Target) {
	for _, path := range []string{"/api/status", "/api/status/"} {
		for _, credential := range []string{"", "Bearer at-wrong"} {
			got := wantData[wire.SystemStatus](t, target.Do(t, http.MethodGet, path, "", "Authorization", credential), http.StatusOK)
			if got.SystemName != "Latchkey" || got.Version == "" || got.QuotaPerUnit != nil {
				t.Errorf("%s: got %+v, want Latchkey with a version and no scale", path, got)
			}
		}
		wantFailure(t, target.Do(t, http.MethodPost, path, "{}"), 405, "method_not_allowed", "Method not allowed for this path. Use one of GET, HEAD.")
	}
}
