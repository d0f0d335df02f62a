package price_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/price"
)

// Whatever the parser does not understand is refused, with its place and what
// to write.
func TestInvalidFiles(t *testing.T) {
	model := func(members string) string { return `{"models":{"m":{` + members + `}}}` }
	for name, c := range map[string]struct{ file, want string }{
		"not_json":        {`{"models":`, "the price file is not valid JSON: unexpected EOF"},
		"two_values":      {`{"models":{}} {}`, "the price file has something after its JSON object: remove it"},
		"array":           {`[]`, "the price file must be a JSON object"},
		"no_models":       {`{}`, `the price file has no "models": write {"models":{"gpt-4o*":{"input":"2.50","output":"10.00"}}}`},
		"unknown":         {`{"model":{}}`, "model is not known: use units_per_dollar, unpriced, groups or models"},
		"twice":           {`{"models":{},"models":{}}`, "models appears twice: remove one"},
		"model_twice":     {`{"models":{"m":{"input":"1"},"m":{"input":"2"}}}`, "models.m appears twice: remove one"},
		"units":           {`{"units_per_dollar":0,"models":{}}`, "units_per_dollar must be a whole number between 1 and 1000000000"},
		"units_text":      {`{"units_per_dollar":"5","models":{}}`, "units_per_dollar must be a whole number between 1 and 1000000000"},
		"unpriced":        {`{"unpriced":"free","models":{}}`, `unpriced: write "refuse", or prices such as {"input":"5.00","output":"20.00"}`},
		"unpriced_price":  {`{"unpriced":{"input":5},"models":{}}`, `unpriced.input must be a decimal number in quotes, such as "2.50"`},
		"group_negative":  {`{"groups":{"vip":"-1"},"models":{}}`, `groups.vip is "-1": write a decimal number that is not negative, such as "2.50"`},
		"pattern":         {`{"models":{"gpt*4":{"input":"1"}}}`, `models.gpt*4: "*" can only stand at the end of a name, as in "gpt-4o*"`},
		"no_name":         {`{"models":{"":{"input":"1"}}}`, "models.: a model's name has 1 to 256 bytes"},
		"model_type":      {`{"models":{"m":"1"}}`, "models.m: must be a JSON object"},
		"no_price":        {model(``), `models.m: a model needs at least one price, such as "input"; a free model has the price "0"`},
		"unknown_price":   {model(`"input":"1","cached":"1"`), "models.m.cached is not known: use input, output, cache_read, cache_write, cache_write_1h, reasoning, per_request, per_image, per_audio_second or above_200000 (any number of input tokens)"},
		"number":          {model(`"input":1`), `models.m.input must be a decimal number in quotes, such as "2.50"`},
		"null":            {model(`"input":null`), `models.m.input must be a decimal number in quotes, such as "2.50"`},
		"exponent":        {model(`"input":"1e3"`), `models.m.input is "1e3": write a decimal number that is not negative, such as "2.50"`},
		"empty":           {model(`"input":""`), `models.m.input is "": write a decimal number that is not negative, such as "2.50"`},
		"point_only":      {model(`"input":"1."`), `models.m.input is "1.": write a decimal number that is not negative, such as "2.50"`},
		"too_precise":     {model(`"input":"0.0375"`), `models.m.input is "0.0375": at most 3 digits can follow the point`},
		"too_large":       {model(`"input":"1000001"`), `models.m.input is "1000001": it must be at most 1000000`},
		"overflow":        {model(`"per_image":"99999999999999999999"`), `models.m.per_image is "99999999999999999999": it must be at most 1000000`},
		"step_name":       {model(`"input":"1","above_0":{}`), "models.m.above_0 is not known: use input, output, cache_read, cache_write, cache_write_1h, reasoning, per_request, per_image, per_audio_second or above_200000 (any number of input tokens)"},
		"step_unknown":    {model(`"input":"1","above_200000":{"inputs":"1"}`), "models.m.above_200000.inputs is not known: use input, output, cache_read, cache_write, cache_write_1h, reasoning, per_request, per_image, per_audio_second"},
		"step_too_precis": {model(`"input":"1","above_200000":{"input":"0.0001"}`), `models.m.above_200000.input is "0.0001": at most 3 digits can follow the point`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := price.Parse([]byte(c.file)); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	large := `{"models":{"m":{"input":"1"}}}` + strings.Repeat(" ", price.MaxFileBytes)
	if _, err := price.Parse([]byte(large)); err == nil || !strings.HasPrefix(err.Error(), "the price file has ") {
		t.Errorf("large file: got error %v", err)
	}
}

// Trailing zeros and the order of steps do not matter.
func TestValidFiles(t *testing.T) {
	table := parse(t, `{"models":{"m":{"above_9":{"input":"3"},"above_5":{"input":"2"},"input":"1.0000"}}}`)
	for input, want := range map[int64]int64{4: 2, 5: 5, 8: 8, 9: 14} { // 4, 10, 16 and 27 thousand nano-dollars
		if got, err := table.Cost("", "m", price.Usage{InputTokens: input}); got.Units != want || err != nil {
			t.Errorf("%d tokens: got %d units, %v, want %d", input, got.Units, err, want)
		}
	}
}

// A table writes a price file that is read as the same table.
func TestFile(t *testing.T) {
	want := parse(t, file)
	if got := parse(t, string(want.File())); !reflect.DeepEqual(got, want) {
		t.Errorf("got %s\nwant %s", got.File(), want.File())
	}
	const text = `{
  "units_per_dollar": 500000,
  "unpriced": {"input": "5"},
  "groups": {"vip": "0.8"},
  "models": {
    "a*": {"input": "0.075", "per_image": "0.000000001", "above_200000": {"input": "1000000"}}
  }
}
`
	if got := string(parse(t, text).File()); got != text {
		t.Errorf("got %s\nwant %s", got, text)
	}
}

// FuzzParse checks that every file is refused or gives prices that are not
// negative and that are written as they were read.
func FuzzParse(f *testing.F) {
	f.Add([]byte(file), "gpt-4o", int64(1000))
	f.Add([]byte(`{"models":{"*":{"per_image":"0.04","above_1":{"per_image":"1"}}},"groups":{"":"2"}}`), "", int64(1))
	f.Fuzz(func(t *testing.T, file []byte, model string, n int64) {
		table, err := price.Parse(file)
		if err != nil {
			return
		}
		again, err := price.Parse(table.File())
		if err != nil || string(again.File()) != string(table.File()) {
			t.Errorf("the file that the table writes is read as %v, %v", again, err)
		}
		got, err := table.Cost("", model, price.Usage{InputTokens: n, OutputTokens: n, Images: 1, AudioSeconds: n})
		if got.Units < 0 || err != nil && got.Units != 0 {
			t.Errorf("got %d units, %v", got.Units, err)
		}
	})
}
