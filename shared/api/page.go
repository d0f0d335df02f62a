package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// Console is the function that serves browsers: the console, the reference
// and the OpenAPI document. Its Routes are made with PageRoute.
const Console = "console"

// consoleKeys are the route keys of its function: of every method, because it
// answers HEAD, too, and says which methods a path has.
var consoleKeys = []string{
	"ANY /", "ANY /console/{proxy+}", "ANY /docs", "ANY /docs/{proxy+}", "ANY " + wire.OpenAPIPath, "ANY " + wire.OpenAPIPath + "/{proxy+}",
}

// documents returns the endpoints of the console's route keys that stand for
// one path. The files that documents load are not in it.
func documents() iter.Seq[Endpoint] {
	return func(yield func(Endpoint) bool) {
		for _, key := range consoleKeys {
			_, path, _ := strings.Cut(key, " ")
			if !strings.Contains(path, "{") && !yield(Endpoint{Name: Console, Method: http.MethodGet, Path: path}) {
				return
			}
		}
	}
}

// withoutSlash returns a route that redirects a request for a document with a
// trailing slash to its path without. ok is false for other paths.
//
// API Gateway may lead /docs/ to the fallback, which has no pages, and the links of
// a document are relative to its path without the slash. The location is relative to
// the request, as it was sent: so it is right below a base path, too, and can't lead
// to another host.
func withoutSlash(path string) (route Route, ok bool) {
	for e := range documents() {
		if path == e.Path+"/" && e.Path != "/" {
			return Route{Endpoint: e, serve: func(_ Services, r *http.Request) (response, error) {
				location := "../" + e.Path[strings.LastIndexByte(e.Path, '/')+1:]
				if query := r.URL.RawQuery; query != "" && !strings.ContainsFunc(query, notInURL) {
					location += "?" + query
				}
				return response{status: http.StatusPermanentRedirect, location: location}, nil
			}}, true
		}
	}
	return Route{}, false
}

// notInURL reports whether a character must be escaped in a URL.
func notInURL(r rune) bool { return r <= ' ' || r >= 0x7F }

// A Page is a file for browsers. At least one of Body and Gzip is set; the other
// is derived from it when a browser needs it.
type Page struct {
	Type   string // media type, with charset
	Body   []byte
	Gzip   []byte // Body, compressed
	Policy string // Content-Security-Policy; "" for what is no document
}

// PageRoute serves a page, without authentication and without the envelope. A
// browser caches it and revalidates it on each request; under
// ?v=<Version of the page> it does not revalidate.
func PageRoute(path string, page Page) Route {
	f := &file{Page: page}
	f.body = sync.OnceValues(f.unpack)
	f.gzip = sync.OnceValue(f.pack)
	f.version = sync.OnceValue(page.Version)
	return Route{
		Endpoint: Endpoint{Name: Console, Method: http.MethodGet, Path: path},
		serve:    func(_ Services, r *http.Request) (response, error) { return f.answer(r) },
	}
}

// Version identifies the contents of a page.
func (p Page) Version() string {
	sum := sha256.Sum256(slices.Concat(p.Gzip, p.Body))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// A file is a page in both of its forms.
type file struct {
	Page
	body    func() ([]byte, error)
	gzip    func() []byte
	version func() string
}

func (f *file) unpack() ([]byte, error) {
	if f.Body != nil {
		return f.Body, nil
	}
	var plain bytes.Buffer
	reader, err := gzip.NewReader(bytes.NewReader(f.Gzip))
	if err == nil {
		_, err = plain.ReadFrom(reader)
	}
	return plain.Bytes(), err
}

func (f *file) pack() []byte {
	if f.Gzip != nil {
		return f.Gzip
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is one
	_, _ = w.Write(f.Body)                                     // a Buffer never fails
	_ = w.Close()
	return packed.Bytes()
}

func (f *file) answer(r *http.Request) (response, error) {
	version := f.version()
	sent := &sentFile{Page: f.Page, lasting: r.URL.Query().Get("v") == version}
	a := response{status: http.StatusOK, file: sent, etag: `W/"` + version + `"`} // weak: both forms have it
	known := strings.Join(r.Header.Values("If-None-Match"), ",")
	if known == "*" || strings.Contains(known, `"`+version+`"`) {
		a.status = http.StatusNotModified
		return a, nil
	}
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		sent.content, sent.packed = f.gzip(), true
		return a, nil
	}
	var err error
	sent.content, err = f.body()
	return a, err
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3).
func acceptsGzip(headers []string) bool {
	for coding := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, q, weighted := strings.Cut(weight, "=")
			value, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			return !weighted || err == nil && value > 0
		}
	}
	return false
}

// A sentFile is one answer's copy.
type sentFile struct {
	Page
	content []byte
	packed  bool
	lasting bool // under its version, and so for good
}

// headers forbid frames of other sites, guesses at the media type, and sending
// the address to other sites.
func (s *sentFile) headers(h http.Header) {
	h.Set("Content-Type", s.Type)
	h.Set("Cache-Control", "no-cache")
	if s.lasting {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Vary", "Accept-Encoding")
	if s.packed {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if s.Policy != "" {
		h.Set("Content-Security-Policy", s.Policy)
		h.Set("X-Frame-Options", "DENY") // for browsers that don't know frame-ancestors
	}
}
