package gateway

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Usage is the `usage` object of a model's response, in tokens. A number
// that the object does not have is 0.
type Usage struct {
	Input  int64           // prompt_tokens or input_tokens
	Output int64           // completion_tokens or output_tokens
	Total  int64           // total_tokens
	Raw    json.RawMessage // the whole object, for prices that depend on other members
}

func parseUsage(raw []byte) (Usage, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return Usage{}, false
	}
	return Usage{
		Input:  max(parseCount(fields["prompt_tokens"]), parseCount(fields["input_tokens"])),
		Output: max(parseCount(fields["completion_tokens"]), parseCount(fields["output_tokens"])),
		Total:  parseCount(fields["total_tokens"]),
		Raw:    raw,
	}, true
}

// parseCount parses a JSON number as a count, rounded up and limited to
// token.MaxInteger. It returns 0 for a negative number and for any other value.
func parseCount(raw json.RawMessage) int64 {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !math.IsInf(f, 1) || f <= 0 {
		return 0
	}
	return int64(math.Ceil(min(f, token.MaxInteger)))
}
