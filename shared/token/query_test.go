package token_test

import (
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestQueryKeyword checks that a search refuses a whole key, which must not
// stand in a URL, and finds tokens by any ordinary name.
func TestQueryKeyword(t *testing.T) {
	for keyword, refused := range map[string]bool{
		credential.NewKey(1, 2).Reveal()[:50]:           true,
		"my_" + credential.NewKey(1, 2).Reveal()[:46]:   true,
		credential.NewAccessToken(1, 0).Reveal()[:50]:   true,
		"data-at-rest-encryption-service-production-eu": false,
		"at-home-production-server-number-0001-x":       false,
		"sk-migration-service-production-eu-west-1":     false,
		"sk-" + "0123456789012345678901234567890":       false, // 31 characters
		"task-management": false,
	} {
		_, err := token.Query{Keyword: keyword}.Normalize()
		var invalid *token.InvalidError
		if errors.As(err, &invalid) != refused || err != nil && !refused {
			t.Errorf("a keyword of %d characters: got %v, want it refused: %t", len(keyword), err, refused)
		}
	}
}
