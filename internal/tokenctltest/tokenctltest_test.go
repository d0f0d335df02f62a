package tokenctltest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// TestCheckSecrets checks which outputs may hold a key or an access token.
func TestCheckSecrets(t *testing.T) {
	const key, accessToken = "sk-12345678", "at-12345678"
	for name, c := range map[string]struct {
		content string
		leaks   bool
	}{
		"user_create-stdout-1":  {accessToken, false},
		"serve-stdout-1":        {accessToken, false},
		"token_create-stdout-1": {key, false},
		"token_create-stderr-1": {key, true},
		"user_create-stdout-2":  {key, true},
		"token_list-stdout-1":   {key, true},
		"other-terminal-1":      {accessToken, true},
		"token_list-stdout-2":   {"sk-1234**********5678", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := tokenctltest.CheckSecrets(dir); (err != nil) != c.leaks {
				t.Errorf("got %v, want an error: %t", err, c.leaks)
			}
		})
	}
}
