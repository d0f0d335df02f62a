//go:build stack

package stacktest_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/suitetest"
)

// deviations returns the sub-tests that fail because MiniStack differs from an
// HTTP API, with the reason. All of them must fail, and no others may.
func deviations() map[string]string {
	const (
		slashes = "MiniStack merges slashes at the start of a path (app.py, _parse_execute_api_url)"
		options = "MiniStack answers OPTIONS itself, also where no route and no CORS is configured (services/apigateway.py, handle_execute)"
		utf8    = "MiniStack replaces bytes that are not UTF-8 by U+FFFD; AWS encodes the body in Base64 (services/apigateway.py)"
	)
	return map[string]string{
		"TestContract/Paths/404/GET//api/token":          slashes,
		"TestContract/Paths/404/POST//api/token":         slashes,
		"TestContract/Paths/404/DELETE//api/token":       slashes,
		"TestContract/Paths/405/OPTIONS/api/token/":      options,
		"TestContract/HostileBodies":                     utf8,
		"TestContract/HostileBodies/400/UTF-16":          utf8,
		"TestContract/HostileBodies/400/Latin-1":         utf8,
		"TestContract/HostileBodies/400/overlong":        utf8,
		"TestContract/HostileBodies/400/UTF-8_surrogate": utf8,
	}
}

// checkAPI runs the suite of the API against the deployed stage.
func (o *operator) checkAPI(t *testing.T) {
	t.Helper()
	results := suitetest.Run(t.Context(), t,
		"HTTP_PROXY="+o.proxy, "NO_PROXY=127.0.0.1", suitetest.EnvURL+"="+o.values["<ApiUrl>"],
		suitetest.EnvEngine+"="+o.endpoint, suitetest.EnvTable+"="+o.values["<TableName>"], suitetest.EnvRegion+"="+region)
	for _, complaint := range suitetest.Unexpected(results, deviations()) {
		t.Error(complaint)
	}
	t.Logf("%d tests of the suite ran, %d deviations", len(results), len(deviations()))
}
