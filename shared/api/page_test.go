package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The pages of these tests: one of each kind.
var (
	page    = api.Page{Type: "text/html; charset=utf-8", Body: []byte("<!doctype html><title>a</title>"), Policy: "default-src 'none'"}
	script  = api.Page{Type: "text/javascript; charset=utf-8", Body: []byte(strings.Repeat("f();", 100))}
	library = api.Page{Type: "text/css; charset=utf-8", Gzip: packed("body{}")}
)

// fetch requests a page from a server of the three pages. headers are names and
// values, alternately.
func fetch(t *testing.T, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	api.New(api.Services{}, slog.New(slog.DiscardHandler),
		api.PageRoute("/", page), api.PageRoute("/docs", page), api.PageRoute("/a.js", script), api.PageRoute("/b.css", library),
	).ServeHTTP(w, r)
	return w
}

// A page is revalidated on each request; under its version it is cached for good.
func TestPageCaching(t *testing.T) {
	const asks, keeps = "no-cache", "public, max-age=31536000, immutable"
	for target, want := range map[string]string{
		"/a.js":                             asks,
		"/a.js?v=":                          asks,
		"/a.js?v=" + page.Version():         asks, // another page's
		"/a.js?v=" + script.Version():       keeps,
		"/a.js?v=" + script.Version() + "x": asks,
		"/b.css?v=" + library.Version():     keeps,
		"/?v=" + page.Version() + "&p=2":    keeps,
	} {
		got := fetch(t, http.MethodGet, target)
		if control := got.Header().Get("Cache-Control"); got.Code != http.StatusOK || control != want {
			t.Errorf("GET %s: got %d, Cache-Control %q, want 200, %q", target, got.Code, control, want)
		}
	}
}

// A page that the browser has is not sent again.
func TestPageRevalidation(t *testing.T) {
	etag := fetch(t, http.MethodGet, "/a.js").Header().Get("ETag")
	if want := `W/"` + script.Version() + `"`; etag != want {
		t.Fatalf("got ETag %s, want %s", etag, want)
	}
	for known, want := range map[string]int{
		etag:                            http.StatusNotModified,
		strings.TrimPrefix(etag, "W/"):  http.StatusNotModified,
		`W/"a", ` + etag + `, "b"`:      http.StatusNotModified,
		"*":                             http.StatusNotModified,
		"":                              http.StatusOK,
		`"a"`:                           http.StatusOK,
		script.Version():                http.StatusOK, // no ETag without its quotes
		`"` + page.Version() + `"`:      http.StatusOK,
		`"x` + script.Version() + `"`:   http.StatusOK,
		`W/"` + script.Version() + `x"`: http.StatusOK,
	} {
		got := fetch(t, http.MethodGet, "/a.js", "If-None-Match", known, "Accept-Encoding", "gzip")
		body := got.Body.Bytes()
		if got.Code != want {
			t.Errorf("If-None-Match %s: got %d, want %d", known, got.Code, want)
		}
		if want == http.StatusNotModified && (len(body) > 0 || got.Header().Get("Content-Length") != "" || got.Header().Get("Content-Encoding") != "") {
			t.Errorf("If-None-Match %s: got %q with %v, want neither a body nor its length", known, body, got.Header())
		}
		if got.Header().Get("ETag") != etag || got.Header().Get("Cache-Control") != "no-cache" || got.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("If-None-Match %s: got %v, want what a cache has to know", known, got.Header())
		}
	}
	if got := fetch(t, http.MethodGet, "/a.js", "If-None-Match", `"a"`, "If-None-Match", etag); got.Code != http.StatusNotModified {
		t.Errorf("got %d for the second of two lines, want 304", got.Code)
	}
}

// A page is compressed if the browser accepts gzip.
func TestPageCompression(t *testing.T) {
	plain := map[string]string{"/a.js": string(script.Body), "/b.css": "body{}"}
	for accepted, want := range map[string]string{
		"gzip":                "gzip",
		"GZIP":                "gzip",
		"gzip, deflate, br":   "gzip",
		"br;q=1.0, gzip;q=.5": "gzip",
		"deflate,gzip; q=1":   "gzip",
		"":                    "",
		"br":                  "",
		"*":                   "", // what is not named is always taken
		"gzip;q=0":            "",
		"gzip; q=0.000":       "",
		"gzip;q=x":            "",
		"gzipped":             "",
		"identity":            "",
	} {
		for path, text := range plain {
			got := fetch(t, http.MethodGet, path, "Accept-Encoding", accepted)
			body, header := got.Body.Bytes(), got.Header()
			if header.Get("Content-Length") != strconv.Itoa(len(body)) || header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s for %q: got %v with %d bytes, want their number and Vary", path, accepted, header, len(body))
			}
			if encoding := header.Get("Content-Encoding"); encoding != want {
				t.Errorf("%s for %q: got encoding %q, want %q", path, accepted, encoding, want)
			}
			if want == "gzip" {
				body = unpacked(t, body)
			}
			if string(body) != text {
				t.Errorf("%s for %q: got %.20q, want %.20q", path, accepted, body, text)
			}
		}
	}
	if got := fetch(t, http.MethodGet, "/b.css", "Accept-Encoding", "br", "Accept-Encoding", "gzip"); got.Header().Get("Content-Encoding") != "gzip" {
		t.Error("got the second of two lines overlooked, want gzip")
	}
}

// A page has its own media type, and no other site can put a document into a frame.
func TestPageHeaders(t *testing.T) {
	both := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	}
	for path, want := range map[string]map[string]string{
		"/":     {"Content-Type": page.Type, "Content-Security-Policy": page.Policy, "X-Frame-Options": "DENY"},
		"/docs": {"Content-Type": page.Type, "Content-Security-Policy": page.Policy, "X-Frame-Options": "DENY"},
		"/a.js": {"Content-Type": script.Type, "Content-Security-Policy": "", "X-Frame-Options": ""},
	} {
		header := fetch(t, http.MethodGet, path).Header()
		for _, headers := range []map[string]string{both, want} {
			for name, value := range headers {
				if got := header.Get(name); got != value {
					t.Errorf("GET %s: got %s %q, want %q", path, name, got, value)
				}
			}
		}
	}
}

// Every function, with pages or without, redirects a document's path with a trailing
// slash to the one without, and nothing else.
func TestPageRedirect(t *testing.T) {
	docs := api.PageRoute("/docs", api.Page{Type: "text/html", Body: []byte("<p>")})
	functions := []http.Handler{
		api.New(api.Services{}, slog.New(slog.DiscardHandler), api.Routes()...),
		api.New(api.Services{}, slog.New(slog.DiscardHandler), docs),
	}
	for _, row := range []struct{ method, url, location string }{
		{http.MethodGet, "/docs/", "../docs"},
		{http.MethodHead, "/docs/", "../docs"},
		{http.MethodGet, "/docs/?a=//evil.example/&b=%0d%0a", "../docs?a=//evil.example/&b=%0d%0a"},
		{http.MethodGet, "/api/openapi.json/", "../openapi.json"},
		{http.MethodGet, "/", ""},
		{http.MethodGet, "/docs", ""},
		{http.MethodPost, "/docs/", ""},
		{http.MethodGet, "//docs/", ""},
		{http.MethodGet, "/docs//", ""},
		{http.MethodGet, "//evil.example/", ""},
		{http.MethodGet, "//evil.example/docs/", ""},
		{http.MethodGet, `/\evil.example/`, ""},
		{http.MethodGet, "/docs/%2e%2e/", ""},
	} {
		for i, function := range functions {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), row.method, "https://api.example", nil)
			path, query, _ := strings.Cut(row.url, "?")
			r.URL = &url.URL{Path: path, RawQuery: query}
			function.ServeHTTP(w, r)
			if location := w.Header().Get("Location"); location != row.location || (w.Code == http.StatusPermanentRedirect) != (location != "") {
				t.Errorf("%s %s, function %d: got %d to %q, want a redirect to %q", row.method, row.url, i, w.Code, location, row.location)
			}
			if row.method == http.MethodHead && w.Body.Len() > 0 {
				t.Errorf("HEAD %s, function %d: got a body", row.url, i)
			}
		}
	}
}

// HEAD gets the headers of a page without it.
func TestPageHead(t *testing.T) {
	get, head := fetch(t, http.MethodGet, "/a.js"), fetch(t, http.MethodHead, "/a.js")
	if head.Code != http.StatusOK || head.Body.Len() != 0 {
		t.Errorf("HEAD /a.js: got %d and %d bytes, want 200 and none", head.Code, head.Body.Len())
	}
	get.Header().Del("X-Request-Id")
	head.Header().Del("X-Request-Id")
	if diff := cmp.Diff(get.Header(), head.Header()); diff != "" {
		t.Errorf("headers (-GET +HEAD):\n%s", diff)
	}
}

// A request for a page that does not exist gets the envelope of the API.
func TestPageErrors(t *testing.T) {
	for _, row := range []struct {
		method, path string
		status       int
		code         wire.Code
		allow        string
	}{
		{http.MethodGet, "/c.js", 404, wire.ErrRouteNotFound, ""},
		{http.MethodGet, "/docs/../a.js", 404, wire.ErrRouteNotFound, ""},
		{http.MethodPost, "/", 405, wire.ErrMethodNotAllowed, "GET, HEAD"},
		{http.MethodOptions, "/docs/", 405, wire.ErrMethodNotAllowed, "GET, HEAD"},
	} {
		got := fetch(t, row.method, row.path, "Accept-Encoding", "gzip", "If-None-Match", "*")
		var failure wire.Envelope[any]
		err := json.Unmarshal(got.Body.Bytes(), &failure)
		if err != nil || got.Code != row.status || failure.Code != row.code || failure.Success || got.Header().Get("Allow") != row.allow {
			t.Errorf("%s %s: got %d %v %+v (%v), want %d %s", row.method, row.path, got.Code, got.Header(), failure, err, row.status, row.code)
		}
		if diff := cmp.Diff([]string{"no-store", ""}, []string{got.Header().Get("Cache-Control"), got.Header().Get("ETag")}); diff != "" {
			t.Errorf("%s %s: Cache-Control and ETag (-want +got):\n%s", row.method, row.path, diff)
		}
	}
}

// A page that can't be decompressed is an internal error.
func TestCorruptPage(t *testing.T) {
	w := httptest.NewRecorder()
	broken := api.PageRoute("/", api.Page{Type: "text/css", Gzip: []byte("no gzip")})
	api.New(api.Services{}, slog.New(slog.DiscardHandler), broken).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"code":"internal"`) {
		t.Errorf("got %d %s, want 500 internal", w.Code, w.Body)
	}
}

func packed(text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text) // a Buffer never fails
	_ = w.Close()
	return out.Bytes()
}

func unpacked(t *testing.T, content []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
