// Package web holds what a browser gets of Latchkey: the console at /, the
// reference at /docs, and the OpenAPI document that the reference shows. The
// console calls the API as any client does; this package knows no tokens.
package web

import (
	"embed"
	"strings"

	"github.com/latchkey-api/latchkey/shared/api"
)

// dist is made of src by `make console`; docs/*.gz are Swagger UI's own files.
//
//go:embed src/index.html src/icon.svg dist docs
var files embed.FS

// The policies let a page load and call its own origin and nothing else; no
// script or style may stand in a page, and no other site may frame it. The
// console's strings become markup in lit-html's templates only. Swagger UI
// has pictures in its style sheet.
const (
	sealed        = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
	consolePolicy = sealed + "img-src 'self'; require-trusted-types-for 'script'; trusted-types lit-html"
	docsPolicy    = sealed + "img-src 'self' data:"
)

const (
	html       = "text/html; charset=utf-8"
	javaScript = "text/javascript; charset=utf-8"
	css        = "text/css; charset=utf-8"
	svg        = "image/svg+xml"
	plain      = "text/plain; charset=utf-8"
)

// Pages are all of them.
func Pages() []api.Route {
	icon := asset{"/console/icon.svg", api.Page{Type: svg, Body: read("src/icon.svg")}}
	console := []asset{
		icon,
		{"/console/app.js", api.Page{Type: javaScript, Body: read("dist/app.js")}},
		{"/console/style.css", api.Page{Type: css, Body: read("dist/style.css")}},
	}
	docs := []asset{
		icon,
		{"/docs/docs.js", api.Page{Type: javaScript, Body: read("docs/docs.js")}},
		{"/docs/docs.css", api.Page{Type: css, Body: read("docs/docs.css")}},
		{"/docs/swagger-ui-bundle.js", api.Page{Type: javaScript, Gzip: read("docs/swagger-ui-bundle.js.gz")}},
		{"/docs/swagger-ui.css", api.Page{Type: css, Gzip: read("docs/swagger-ui.css.gz")}},
	}
	routes := []api.Route{
		document("/", consolePolicy, read("src/index.html"), console),
		document("/docs", docsPolicy, read("docs/index.html"), docs),
		api.PageRoute(api.OpenAPIPath, api.Page{Type: "application/json; charset=utf-8", Body: read("dist/openapi.json")}),
		// The bundle's first line says that its authors' licences are here.
		api.PageRoute("/docs/swagger-ui-bundle.js.LICENSE.txt", api.Page{Type: plain, Body: read("docs/swagger-ui-bundle.js.LICENSE.txt")}),
	}
	for _, a := range append(console, docs[1:]...) {
		routes = append(routes, api.PageRoute(a.path, a.page))
	}
	return routes
}

// An asset is a file that documents name.
type asset struct {
	path string
	page api.Page
}

// document is a page of HTML. It names its assets with their versions, so
// that a browser asks for each once.
func document(path, policy string, text []byte, assets []asset) api.Route {
	var versions []string
	for _, a := range assets {
		versions = append(versions, `"`+a.path+`"`, `"`+a.path+`?v=`+a.page.Version()+`"`)
	}
	body := strings.NewReplacer(versions...).Replace(string(text))
	return api.PageRoute(path, api.Page{Type: html, Body: []byte(body), Policy: policy})
}

// read returns a file that is embedded.
func read(name string) []byte {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the compiler has seen to it that the file is there
	}
	return content
}
