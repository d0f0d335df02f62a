package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// limitNames returns the fields with which requests of a kind limit their output.
// A limit that the upstream does not read would be none.
func limitNames(k kind) []string {
	if k == kindChat {
		return []string{"max_completion_tokens", "max_tokens"}
	}
	if k == kindResponse {
		return []string{"max_output_tokens"}
	}
	return []string{"max_tokens"}
}

// addLimit notes a limit of output tokens, whose value begins at an offset. null
// is no limit, but takes the place of one.
func (b *requestBody) addLimit(m jsonMember, offset int) error {
	limit := tokenLimit{offset, offset + len(m.value), token.MaxInteger}
	if string(m.value) != "null" {
		n, err := strconv.ParseInt(string(m.value), 10, 64)
		if err != nil || n < 1 {
			return bodyError(fmt.Sprintf("The field %s must be a whole number of at least 1.", m.name))
		}
		limit.value = min(n, token.MaxInteger-1)
	}
	b.limits = append(b.limits, limit)
	return nil
}

// checkMode refuses ways of processing whose price differs from the normal one.
func checkMode(m jsonMember) error {
	normal := map[string][]string{
		"service_tier": {"auto", "default", "flex", "standard", "standard_only"}, "serviceTier": {"standard"},
		"speed": {"standard"}, "inference_geo": {"global"},
	}
	if value := unquote(m.value); string(m.value) != "null" && !slices.Contains(normal[m.name], value) {
		return bodyError(fmt.Sprintf("The field %s has a value that is not allowed, because its price may differ. Remove the field.", m.name))
	}
	return nil
}

// checkTool refuses tools that use a model of their own: the key was not checked
// for it, and it has another price.
func checkTool(tool []byte) error {
	return eachMember(tool, func(m jsonMember) error {
		switch {
		case strings.EqualFold(m.name, "model"):
			return bodyError("A tool with a model of its own is not allowed. Remove the tool.")
		case strings.EqualFold(m.name, "type") && strings.EqualFold(unquote(m.value), "image_generation"):
			return bodyError("The tool image_generation is not allowed, because its images can't be charged. Use /v1/images/generations.")
		default:
			return nil
		}
	})
}
