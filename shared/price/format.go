package price

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// File returns a price file that Parse reads as this table: one line for each
// model, sorted. The revision is not part of it.
func (t *Table) File() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"units_per_dollar\": %d,\n  \"unpriced\": %s,\n", t.Scale(), t.unpricedText())
	if len(t.Groups) > 0 {
		lines := make([]string, 0, len(t.Groups))
		for _, name := range slices.Sorted(maps.Keys(t.Groups)) {
			lines = append(lines, quoted(name)+": "+quoted(t.Groups[name].String()))
		}
		fmt.Fprintf(&b, "  \"groups\": {%s},\n", strings.Join(lines, ", "))
	}
	lines := make([]string, 0, len(t.Models))
	for _, name := range t.ModelNames() {
		lines = append(lines, "\n    "+quoted(name)+": "+t.Models[name].String())
	}
	fmt.Fprintf(&b, "  \"models\": {%s\n  }\n}\n", strings.Join(lines, ","))
	return b.Bytes()
}

func (t *Table) unpricedText() string {
	if t.Unpriced == nil {
		return `"refuse"`
	}
	return t.Unpriced.String()
}

// String returns the factor as a decimal number.
func (f Factor) String() string { return decimal(int64(f), factorDigits) }

// String returns the prices as in a price file.
func (m Model) String() string {
	members := m.members()
	for _, step := range m.Above {
		members = append(members, fmt.Sprintf(`"above_%d": {%s}`, step.InputTokens, strings.Join(step.members(), ", ")))
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// members returns the prices that are set, as the members of a JSON object.
func (r Rates) members() []string {
	var all []string
	for i, p := range r.pointers() {
		if name := rateNames()[i]; *p != nil {
			all = append(all, quoted(name)+": "+quoted(decimal(**p, digitsOf(name))))
		}
	}
	return all
}

// Dollars returns nano-dollars as a decimal number of dollars, such as 0.0012.
func Dollars(nanos int64) string { return decimal(nanos, nanoDigits) }

// decimal returns n divided by 10 to the power of digits, without trailing
// zeros.
func decimal(n int64, digits int) string {
	text := fmt.Sprintf("%0*d", digits+1, n)
	whole, fraction := text[:len(text)-digits], strings.TrimRight(text[len(text)-digits:], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// quoted returns a JSON string.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return strconv.Quote(s)
	}
	return string(text)
}
