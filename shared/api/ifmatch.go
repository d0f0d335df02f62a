package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// maxTags is how many tags an If-Match may have.
const maxTags = 20

// readIfMatch reads If-Match: the versions of the token that the request may
// change, nil for any. A weak tag, and a tag that the API did not
// issue, match nothing (RFC 9110, 13.1.1).
func readIfMatch(r *http.Request) (token.Versions, error) {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		return nil, nil
	}
	header := strings.TrimSpace(strings.Join(values, ","))
	if header == "*" {
		return nil, nil
	}
	all := entityTags(header)
	if all == nil {
		return nil, &token.InvalidError{Field: "If-Match", Reason: `must be * or tags in quotes, such as "3": send the ETag of the token as you read it`}
	}
	if len(all) > maxTags {
		return nil, &token.InvalidError{Field: "If-Match", Reason: fmt.Sprintf("must have at most %d tags: send the ETag of the token as you read it", maxTags)}
	}
	versions := token.Versions{}
	for _, t := range all {
		if n, err := strconv.ParseInt(strings.Trim(t, `"`), 10, 64); err == nil && t == etag(n) {
			versions = append(versions, n)
		}
	}
	return versions, nil
}

// entityTags returns the tags of a list, whose elements may be empty; nil if it is
// no such list, or has no tag.
func entityTags(list string) []string {
	var tags []string
	for list != "" {
		rest := strings.TrimLeft(list, ", \t\n\f\r")
		if rest == "" {
			break
		}
		separated := strings.Contains(list[:len(list)-len(rest)], ",")
		n := entityTagLength(rest)
		if n == 0 || len(tags) > 0 && !separated {
			return nil
		}
		tags, list = append(tags, rest[:n]), rest[n:]
	}
	return tags
}

// entityTagLength returns the length of the tag with which s begins, or 0.
func entityTagLength(s string) int {
	opaque, isQuoted := strings.CutPrefix(strings.TrimPrefix(s, "W/"), `"`)
	end := strings.IndexByte(opaque, '"')
	if !isQuoted || end < 0 || strings.ContainsFunc(opaque[:end], func(r rune) bool { return r <= ' ' || r > '~' }) {
		return 0
	}
	return len(s) - len(opaque) + end + 1
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
