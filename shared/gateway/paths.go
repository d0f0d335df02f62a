package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// cleanPath returns the path of a request. It refuses a path that another server
// could read as a different one: only letters, digits and -._~: stand between
// its slashes, so nothing is escaped and nothing can be a dot segment.
func cleanPath(u *url.URL) (string, error) {
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") || u.Opaque != "" {
		return "", errPath
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || strings.Trim(segment, ".") == "" || strings.ContainsFunc(segment, isUnsafeInPath) {
			return "", errPath
		}
	}
	return path, nil
}

func isUnsafeInPath(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	default:
		return !strings.ContainsRune("-._~:", r)
	}
}

// queryParameters returns the parameters that an endpoint passes on. Others are
// refused, because they could name another model or carry a credential.
func queryParameters(e endpoint) []string {
	switch {
	case e.kind == kindList && e.shape == shapeGemini:
		return []string{"pageSize", "pageToken"}
	case e.kind == kindList:
		return []string{"limit", "after", "after_id", "before_id", "order"}
	case e.shape == shapeGemini:
		return []string{"alt"}
	case e.shape == shapeAnthropic:
		return []string{"beta"}
	default:
		return nil
	}
}

// keyParameter is the query parameter in which clients of Gemini send their key.
const keyParameter = "key"

// cleanQuery returns the query that is passed on, and the keys in it.
func cleanQuery(e endpoint, raw string) (query string, keys []string, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", nil, queryError("The query of the URL is malformed. Send it as name=value, joined by &.")
	}
	keys = values[keyParameter]
	delete(values, keyParameter)
	allowed := queryParameters(e)
	for name, all := range values {
		switch {
		case e.kind == kindOther && !isCredential(name, all):
		case e.kind == kindOther:
			return "", nil, queryError(fmt.Sprintf("The query parameter %q may carry a credential. Remove it.", credential.Redact(name)))
		case !slices.Contains(allowed, name):
			return "", nil, queryError(fmt.Sprintf("The query parameter %q is not allowed here. Remove it.", credential.Redact(name)))
		case len(all) > 1:
			return "", nil, queryError(fmt.Sprintf("The query parameter %q appears twice. Send it once.", name))
		case name == "alt" && all[0] != "sse" && all[0] != "json" || isCredential("", all):
			return "", nil, queryError(fmt.Sprintf("The query parameter %q has a value that is not allowed. Remove it.", name))
		}
	}
	return values.Encode(), keys, nil
}

// isCredential reports whether a parameter's or a header's name or one of its
// values looks like a credential.
func isCredential(name string, values []string) bool {
	name = strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
	for _, part := range []string{"key", "token", "secret", "password", "auth", "credential", "signature", "session", "cookie", "jwt"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return slices.ContainsFunc(values, func(v string) bool { return credential.Find(v, 0) != "" })
}

// An Allowed is a method and a path that the middleware passes on besides the
// endpoints it knows. Objects behind such a path belong to the operator: every
// key reads, changes and deletes the same ones.
type Allowed struct {
	Method, Path string
	Units        int64 // the price of each request
}

// ParseAllowed parses a method and a path, such as "GET /v1/files", with the
// price of each request in units behind them if it is not 0: "POST /v1/files 10".
// A path that ends with "/*" stands for all paths that begin like it.
func ParseAllowed(s string) (Allowed, error) {
	const example = `, such as "GET /v1/files" or "POST /v1/files 10"`
	fields := strings.Fields(s)
	if len(fields) < 2 || len(fields) > 3 {
		return Allowed{}, fmt.Errorf("%q is not a method, a path and perhaps a price in units%s", s, example)
	}
	a := Allowed{Method: fields[0], Path: fields[1]}
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, a.Method) {
		return Allowed{}, fmt.Errorf("%q is not GET, POST, PUT, PATCH or DELETE%s", a.Method, example)
	}
	path := strings.TrimSuffix(a.Path, "/*")
	if clean, err := cleanPath(&url.URL{Path: path}); err != nil || clean != path {
		return Allowed{}, fmt.Errorf("%q is not a path of letters, digits and -._~: between single slashes%s", a.Path, example)
	}
	if len(fields) == 3 {
		units, err := parseUnits(fields[2])
		if err != nil {
			return Allowed{}, fmt.Errorf("%q is not a price in units%s", fields[2], example)
		}
		a.Units = units
	}
	return a, nil
}

// matches reports whether the path of a request is allowed.
func (a Allowed) matches(method, path string) bool {
	prefix, isPrefix := strings.CutSuffix(a.Path, "*")
	return method == a.Method && (path == a.Path || isPrefix && strings.HasPrefix(path, prefix))
}

// route returns the endpoint of a request, and the path and the query that are
// passed on, and the keys in the query.
func (m *middleware) route(r *http.Request) (e endpoint, query string, keys []string, err error) {
	path, err := cleanPath(r.URL)
	if err != nil {
		return endpoint{shape: shapeOf(r.URL.Path)}, "", nil, err
	}
	e, known := findEndpoint(r.Method, path)
	for _, a := range m.Allow {
		if !known && a.matches(r.Method, path) {
			e, known = endpoint{shape: shapeOf(path), units: a.Units}, true
		}
	}
	if !known {
		return endpoint{shape: shapeOf(path)}, "", nil, errPath
	}
	query, keys, err = cleanQuery(e, r.URL.RawQuery)
	return e, query, keys, err
}
