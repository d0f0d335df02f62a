package gateway

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A jsonValue is a value, or the part of a string that has arrived.
type jsonValue struct {
	kind jsonKind
	size int64  // of a string: its bytes since the previous part, with escapes resolved
	text []byte // of a string or a number: its beginning, as written; valid during the call
}

type jsonKind byte

const (
	jsonString jsonKind = iota // the last part of a string
	jsonPart                   // a part that is not the last
	jsonNumber
	jsonLiteral // true or false
	jsonNull
	jsonObject
	jsonArray
)

// string returns a string's text, or "" if it is longer than what was kept.
func (v jsonValue) string() string {
	if v.kind != jsonString || len(v.text) >= maxTextBytes {
		return ""
	}
	return unescape(v.text)
}

// count returns a number as a count: rounded up, limited to token.MaxInteger,
// and 0 if it is negative. It also accepts a number in a string.
func (v jsonValue) count() int64 {
	if v.kind != jsonNumber && v.kind != jsonString {
		return 0
	}
	if len(v.text) >= maxTextBytes {
		if v.kind == jsonNumber && v.text[0] != '-' {
			return token.MaxInteger
		}
		return 0
	}
	return parseCount(v.text)
}

// parseCount parses a JSON number as a count, as jsonValue.count does.
func parseCount(raw []byte) int64 {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !math.IsInf(f, 1) || math.IsNaN(f) || f <= 0 {
		return 0
	}
	return int64(math.Ceil(min(f, token.MaxInteger)))
}

func unescape(raw []byte) string {
	if !strings.Contains(string(raw), `\`) {
		return string(raw)
	}
	var text string
	if json.Unmarshal([]byte(`"`+string(raw)+`"`), &text) != nil {
		return ""
	}
	return text
}
