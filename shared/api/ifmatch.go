package api

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// maxTags is how many tags an If-Match may have.
const maxTags = 20

// A tag, and a list of them, in which elements may be empty.
var (
	entityTag  = regexp.MustCompile(`(W/)?"[\x21\x23-\x7e]*"`)
	entityTags = regexp.MustCompile(`^[\s,]*` + entityTag.String() + `(\s*,[\s,]*` + entityTag.String() + `)*[\s,]*$`)
)

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
	if !entityTags.MatchString(header) {
		return nil, &token.InvalidError{Field: "If-Match", Reason: `must be * or tags in quotes, such as "3": send the ETag of the token as you read it`}
	}
	all := entityTag.FindAllString(header, -1)
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

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
