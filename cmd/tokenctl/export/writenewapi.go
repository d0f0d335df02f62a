package export

import (
	"encoding/hex"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

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
	models := strings.Join(w.models(func(m string) bool {
		return strings.HasSuffix(m, "*") && !isNewAPIPattern(m)
	}, "a pattern, which New API compares literally"), ",")
	status := token.Enabled
	if t.Disabled || t.Stopped || t.LeakedTime != 0 {
		status = token.Disabled
	}
	ips := strings.Join(t.AllowIPs, "\n")
	group := t.PriceGroup()
	if group != t.Group {
		w.warn("its group is left out, because the operator has not granted it: here it changes nothing, and in New API it may change prices and channels")
	}
	for _, cell := range [][2]string{{"name", t.Name}, {"list of models", models}, {"group", group}} {
		if IsFormula(cell[1]) && !slices.Contains(w.o.Ignore, formulas) {
			w.fail("its %s begins with %.1q, so that a spreadsheet program would run it as a formula: change it or, if no such program opens the file, add --ignore %s", cell[0], cell[1], formulas)
		}
	}
	w.row = []string{
		quoted(t.Name), strconv.Itoa(int(status)), w.scaled("remaining", w.left()), w.scaled("used", t.UsedAt(w.o.Now)), bit(t.UnlimitedQuota), strconv.FormatInt(t.ExpiredTime, 10),
		bit(t.ModelLimitsEnabled), quoted(models), quoted(ips), quoted(group), quoted(w.owner), hex.EncodeToString(t.KeyHash[:]),
	}
}

// IsFormula reports whether a spreadsheet program may run the text of a cell as a
// formula, after https://owasp.org/www-community/attacks/CSV_Injection.
func IsFormula(cell string) bool {
	first, _ := utf8.DecodeRuneInString(cell)
	return cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first)
}

// scaled returns units as units of New API, rounded down. A number that its column,
// of 64 bits, can't hold is a problem.
func (w *writing) scaled(what string, units int64) string {
	if w.o.UnitsPerDollar == 0 {
		return strconv.FormatInt(units, 10)
	}
	n := new(big.Int).Mul(big.NewInt(units), big.NewInt(price.DefaultUnitsPerDollar))
	n.Quo(n, big.NewInt(w.o.UnitsPerDollar))
	if !n.IsInt64() {
		w.fail("its %s quota is more in New API, where a dollar has %d units, than a column there holds: check the number of units per dollar, or lower the quota", what, price.DefaultUnitsPerDollar)
	}
	return n.String()
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
