package boot

import (
	"net/http"
	"net/url"
	"strings"
)

// readBasePath returns the path with a slash before it, as it begins the path of
// an event: API Gateway leaves the key of an API mapping in rawPath.
func readBasePath(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	for part := range strings.SplitSeq(value, "/") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return "", variableError(EnvBasePath, "is not a path: set it to lower-case letters, digits and hyphens with single slashes between them, such as keys, or remove it")
		}
	}
	return "/" + value, nil
}

// below serves requests whose path begins with base as if it did not, and others
// as they are: those through the URL of API Gateway. It puts base before an
// absolute Location. A request for base itself is redirected to base with a slash,
// because the links of the pages are relative.
func below(base string, next http.Handler) http.Handler {
	if base == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, base)
		switch {
		case !ok || rest != "" && rest[0] != '/':
			next.ServeHTTP(w, r)
		case rest == "":
			w.Header().Set("Location", base+"/")
			w.WriteHeader(http.StatusPermanentRedirect)
		default:
			inside := *r
			inside.URL = &url.URL{Path: rest, RawQuery: r.URL.RawQuery}
			inside.RequestURI = inside.URL.RequestURI()
			next.ServeHTTP(locationWriter{w, base}, &inside)
		}
	})
}

type locationWriter struct {
	http.ResponseWriter
	base string
}

// WriteHeader implements http.ResponseWriter.
func (w locationWriter) WriteHeader(status int) {
	if location := w.Header().Get("Location"); strings.HasPrefix(location, "/") {
		w.Header().Set("Location", w.base+location)
	}
	w.ResponseWriter.WriteHeader(status)
}
