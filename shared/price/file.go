package price

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Limits of a price file.
const (
	MaxFileBytes      = 400_000 // the file is in one item, which can have 409,600 bytes
	MaxUnitsPerDollar = 1_000_000_000
	maxDollars        = 1_000_000 // of one price
	maxFactor         = 1_000
	maxNameLength     = 256
	factorDigits      = 6 // after the point
	nanoDigits        = 9 // of dollars
)

// Parse reads a price file: JSON in which prices are decimal strings, dollars per
// million tokens or dollars each. docs/prices.md describes it. Whatever Parse
// does not understand is an error that names the place and says what to write: a
// price that was overlooked would be charged wrongly.
func Parse(file []byte) (*Table, error) {
	if len(file) > MaxFileBytes {
		return nil, fmt.Errorf("the price file has %d bytes: at most %d are allowed, leave out models that nobody uses", len(file), MaxFileBytes)
	}
	if err := checkJSON(file); err != nil {
		return nil, err
	}
	t := &Table{UnitsPerDollar: DefaultUnitsPerDollar, Groups: map[string]Factor{}, Models: map[string]Model{}}
	var hasModels bool
	err := eachMember("", file, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "units_per_dollar":
			t.UnitsPerDollar, err = parseInteger(name, value, MaxUnitsPerDollar)
		case "unpriced":
			t.Unpriced, err = parseUnpriced(value)
		case "groups":
			err = eachMember(name, value, func(group string, value json.RawMessage) (err error) {
				t.Groups[group], err = parseFactor(join(name, group), value)
				return err
			})
		case "models":
			hasModels = true
			err = eachMember(name, value, func(model string, value json.RawMessage) (err error) {
				if err := checkPattern(model); err != nil {
					return fmt.Errorf("%s: %w", join(name, model), err)
				}
				t.Models[model], err = parseModel(join(name, model), value)
				return err
			})
		default:
			err = unknownMember("", name, "units_per_dollar, unpriced, groups or models")
		}
		return err
	})
	if err == nil && !hasModels {
		err = errors.New(`the price file has no "models": write {"models":{"gpt-4o*":{"input":"2.50","output":"10.00"}}}`)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// checkJSON returns an error unless the file is one JSON value.
func checkJSON(file []byte) error {
	d := json.NewDecoder(bytes.NewReader(file))
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return fmt.Errorf("the price file is not valid JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the price file has something after its JSON object: remove it")
	}
	return nil
}

// eachMember calls f for each member of an object, in order.
func eachMember(where string, object json.RawMessage, f func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return fmt.Errorf("%smust be a JSON object", prefix(where))
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		text, _ := name.(string) // names of members are strings
		if seen[text] {
			return fmt.Errorf("%s appears twice: remove one", join(where, text))
		}
		seen[text] = true
		if err := f(text, value); err != nil {
			return err
		}
	}
	return nil
}

func prefix(where string) string {
	if where == "" {
		return "the price file "
	}
	return where + ": "
}

func join(where, name string) string { return strings.TrimPrefix(where+"."+name, ".") }

func unknownMember(where, name, known string) error {
	return fmt.Errorf("%s is not known: use %s", join(where, name), known)
}

func checkPattern(name string) error {
	star := strings.IndexByte(name, '*')
	switch {
	case name == "" || len(name) > maxNameLength:
		return fmt.Errorf("a model's name has 1 to %d bytes", maxNameLength)
	case star >= 0 && star != len(name)-1:
		return errors.New(`"*" can only stand at the end of a name, as in "gpt-4o*"`)
	default:
		return nil
	}
}

// parseUnpriced parses "refuse" or the prices of models that the file does not
// name.
func parseUnpriced(value json.RawMessage) (*Model, error) {
	if string(value) == `"refuse"` {
		return nil, nil //nolint:nilnil // such models have no price
	}
	if value[0] != '{' {
		return nil, errors.New(`unpriced: write "refuse", or prices such as {"input":"5.00","output":"20.00"}`)
	}
	m, err := parseModel("unpriced", value)
	return &m, err
}

func parseModel(where string, value json.RawMessage) (Model, error) {
	var m Model
	var other []string
	raw := map[string]json.RawMessage{}
	err := eachMember(where, value, func(name string, value json.RawMessage) error {
		if known, err := m.parse(where, name, value); known || err != nil {
			return err
		}
		other = append(other, name)
		raw[name] = value
		return nil
	})
	if err != nil {
		return m, err
	}
	for _, name := range other {
		tokens, err := strconv.ParseInt(strings.TrimPrefix(name, "above_"), 10, 64)
		if !strings.HasPrefix(name, "above_") || err != nil || tokens < 1 || name != "above_"+strconv.FormatInt(tokens, 10) {
			return m, unknownMember(where, name, strings.Join(rateNames(), ", ")+" or above_200000 (any number of input tokens)")
		}
		step := Step{InputTokens: tokens}
		inner := join(where, name)
		err = eachMember(inner, raw[name], func(name string, value json.RawMessage) error {
			known, err := step.parse(inner, name, value)
			if err == nil && !known {
				err = unknownMember(inner, name, strings.Join(rateNames(), ", "))
			}
			return err
		})
		if err != nil {
			return m, err
		}
		m.Above = append(m.Above, step)
	}
	sort.Slice(m.Above, func(i, j int) bool { return m.Above[i].InputTokens < m.Above[j].InputTokens }) // slices.SortFunc would make each function 8 KB larger
	if m.Rates == (Rates{}) {
		return m, fmt.Errorf("%s: a model needs at least one price, such as \"input\"; a free model has the price \"0\"", where)
	}
	return m, nil
}

// rateNames returns the names of prices, in the order of Rates.pointers.
func rateNames() []string {
	return []string{"input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning", "per_request", "per_image", "per_audio_second"}
}

// parse sets the price of a name. It returns false if there is no such price.
func (r *Rates) parse(where, name string, value json.RawMessage) (bool, error) {
	i := slices.Index(rateNames(), name)
	if i < 0 {
		return false, nil
	}
	n, err := parseDecimal(join(where, name), value, digitsOf(name), maxDollars)
	*r.pointers()[i] = &n
	return true, err
}

// digitsOf returns how many digits can follow the point of a price. One in the last
// place is a nano-dollar: a token's prices are dollars per million tokens.
func digitsOf(name string) int {
	if strings.HasPrefix(name, "per_") {
		return nanoDigits
	}
	return 3
}

func parseFactor(where string, value json.RawMessage) (Factor, error) {
	n, err := parseDecimal(where, value, factorDigits, maxFactor)
	return Factor(n), err
}

func parseInteger(where string, value json.RawMessage, largest int64) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 1 || n > largest {
		return 0, fmt.Errorf("%s must be a whole number between 1 and %d", where, largest)
	}
	return n, nil
}

// parseDecimal parses a decimal string that is not negative, and returns it times
// 10 to the power of digits.
func parseDecimal(where string, value json.RawMessage, digits int, largest int64) (int64, error) {
	var text string
	if json.Unmarshal(value, &text) != nil || value[0] != '"' {
		return 0, fmt.Errorf("%s must be a decimal number in quotes, such as \"2.50\"", where)
	}
	whole, fraction, hasPoint := strings.Cut(text, ".")
	if !isDigits(whole) || hasPoint && !isDigits(fraction) {
		return 0, fmt.Errorf("%s is %q: write a decimal number that is not negative, such as \"2.50\"", where, text)
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits {
		return 0, fmt.Errorf("%s is %q: at most %d digits can follow the point", where, text, digits)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64)
	limit := largest
	for range digits {
		limit *= 10
	}
	if err != nil || n > limit {
		return 0, fmt.Errorf("%s is %q: it must be at most %d", where, text, largest)
	}
	return n, nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// ModelNames returns the names and patterns of the table's models, sorted.
func (t *Table) ModelNames() []string { return slices.Sorted(maps.Keys(t.Models)) }
