package export

import (
	"encoding/hex"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// keyHash is the column with the SHA-256 of a key. New API stores keys, so that it
// can't check a key of which only the hash is known.
const keyHash = "key_sha256"

// newAPIColumns are those of a row, in order. Names and lists are in quotes, so that
// the name NULL is none of a missing value.
func newAPIColumns() []string {
	return []string{
		"name", "status", "remain_quota", "used_quota", "unlimited_quota", "expired_time",
		"model_limits_enabled", "model_limits", "allow_ips", "group", "owner_name", keyHash,
	}
}

// writeNewAPI converts a token to a row of the table tokens of New API, without a
// key. A dollar has 500,000 units there.
func writeNewAPI(w *writing) {
	t := w.t
	w.limits(true, true, true, true)
	models := w.models(func(m string) bool {
		return strings.HasSuffix(m, "*") && !strings.HasSuffix(m, "-gizmo-*") && !strings.HasSuffix(m, "-thinking-*")
	}, "a pattern, which New API compares literally")
	status := token.Enabled
	if t.Disabled || t.Stopped {
		status = token.Disabled
	}
	ips := t.AllowIPs
	w.row = []string{
		quoted(t.Name), strconv.Itoa(int(status)), w.scaled(w.left()), w.scaled(t.UsedAt(w.o.Now)), bit(t.UnlimitedQuota), strconv.FormatInt(t.ExpiredTime, 10),
		bit(t.ModelLimitsEnabled), quoted(strings.Join(models, ",")), quoted(strings.Join(ips, "\n")), quoted(t.Group), quoted(w.owner), hex.EncodeToString(t.KeyHash[:]),
	}
}

// scaled returns units as units of New API, rounded down.
func (w *writing) scaled(units int64) string {
	if w.o.UnitsPerDollar == 0 {
		return strconv.FormatInt(units, 10)
	}
	n := new(big.Int).Mul(big.NewInt(units), big.NewInt(price.DefaultUnitsPerDollar))
	return n.Quo(n, big.NewInt(w.o.UnitsPerDollar)).String()
}

func bit(is bool) string {
	if is {
		return "1"
	}
	return "0"
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// newAPITable writes rows as CSV.
func newAPITable(out io.Writer, rows []Written) error {
	var table strings.Builder
	_, _ = table.WriteString(strings.Join(newAPIColumns(), ",") + "\n") // a Builder never fails
	for _, w := range rows {
		cells, _ := w.row.([]string) // from writeNewAPI
		_, _ = table.WriteString(strings.Join(cells, ",") + "\n")
	}
	_, err := io.WriteString(out, table.String())
	return err
}
