//go:build clients

package clientstest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/price"
)

// priceFile is the price table of the benches that have one. price computes
// with the same numbers, by hand.
const priceFile = `{"units_per_dollar":500000,"models":{
	"gpt-4o*":{"input":"2.50","output":"10","cache_read":"1.25"},
	"gpt-image-1":{"input":"5","output":"40"},
	"text-embedding-3-small":{"input":"0.02"},
	"tts-1":{"input":"0.60","output":"12"},
	"claude-*":{"input":"3","output":"15","cache_read":"0.30","cache_write":"3.75","cache_write_1h":"6"},
	"gemini-*":{"input":"0.30","output":"2.50","cache_read":"0.075"}
}}`

// setPrices sets the price table with tokenctl.
func setPrices(t *testing.T, env []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(file, []byte(priceFile), 0o600); err != nil {
		t.Fatal(err)
	}
	tokenctltest.Succeed(t, env, "prices", "set", file)
}

// price returns the units that a usage costs.
func (b *bench) price(model string, u price.Usage) int64 {
	if !b.priced {
		return u.InputTokens + u.OutputTokens + u.CacheReadTokens + u.CacheWriteTokens + u.CacheWrite1hTokens
	}
	var input, output, read, write, write1h int64 // nano-dollars per token
	switch {
	case strings.HasPrefix(model, "gpt-4o"):
		input, output, read = 2500, 10_000, 1250
	case model == "gpt-image-1":
		input, output = 5000, 40_000
	case model == "text-embedding-3-small":
		input = 20
	case strings.HasPrefix(model, "claude-"):
		input, output, read, write, write1h = 3000, 15_000, 300, 3750, 6000
	case strings.HasPrefix(model, "gemini-"):
		input, output, read = 300, 2500, 75
	}
	const nanoDollarsPerUnit = 2000
	cost := u.InputTokens*input + u.OutputTokens*output + u.CacheReadTokens*read + u.CacheWriteTokens*write + u.CacheWrite1hTokens*write1h
	return (cost + nanoDollarsPerUnit - 1) / nanoDollarsPerUnit
}
