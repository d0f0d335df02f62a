package main

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// isShowable reports whether a message may name what was given in place of a file: it
// does not look like a credential or like a URL, which may have a password.
func isShowable(name string) bool {
	// A random text of a system, such as an access token of New API, has no separators.
	random := regexp.MustCompile(`^[A-Za-z0-9+=_-]{20,}$`).MatchString(name) && strings.ContainsAny(name, "0123456789")
	prefixed := regexp.MustCompile(`(?i)^(sk|at|pk|rk|bearer)[-_ ]`).MatchString(name)
	return !random && !prefixed && credential.Redact(name) == name && !strings.Contains(name, "://") && !strings.Contains(name, "@")
}

// noFile returns a problem for what is not the name of a file and perhaps secret.
func noFile(name string) error {
	scheme, _, isURL := strings.Cut(name, "://")
	switch {
	case isURL && regexp.MustCompile(`^[a-z0-9+.-]{1,20}$`).MatchString(scheme):
		return problemf("a URL that begins with %s:// is not a file: give the name of a file, such as an export of a table; docs/migrate.md says how to export one", scheme)
	case isURL, strings.Contains(name, "@"):
		return problemf("this is not the name of a file, and it is not shown because it may hold a password: give the name of a file")
	default:
		return problemf("this is not the name of a file, and it is not shown because it may be a credential: give the name of a file; an access token belongs in an environment variable, because the command line is visible to others")
	}
}

// notURL returns the problem of flags for a URL if there is none.
func notURL(name string) error {
	const flags = "--from, --from-user and --allow-http are for a URL"
	host := regexp.MustCompile(`(?i)^(localhost|\[[0-9a-f:]+\]|[a-z0-9-]+(\.[a-z0-9-]+)+)(:[0-9]+)?(/[a-z0-9._/-]*)?$`).MatchString(name)
	file := regexp.MustCompile(`(?i)\.(csv|json|jsonl|db|sqlite3?|txt|tsv)$`).MatchString(name)
	switch {
	case !isShowable(name):
		return problemf("%s, and this is none; it is not shown because it may be a credential: give a URL such as https://old.example.com, and the access token in %s", flags, sourceTokenVar)
	case host && !file:
		scheme := "https"
		if u, err := url.Parse("http://" + name); err == nil && loopback(cmp.Or(u.Hostname(), name)) {
			scheme = "http"
		}
		return problemf("%s, and %s is none: write %s://%[2]s if you mean that", flags, name, scheme)
	default:
		return problemf("%s, and %s is a file: leave them out", flags, name)
	}
}
