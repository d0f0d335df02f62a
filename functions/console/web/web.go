// Package web holds what a browser gets of Latchkey: the console at /, the
// reference at /docs, and the OpenAPI document that the reference shows. The
// console calls the API as any client does; this package knows no tokens.
package web

import (
	_ "embed" // the files
	"strings"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The files: dist is made of src by `make console`; docs/swagger-ui* are
// Swagger UI's own.
var (
	//go:embed src/index.html
	consoleHTML []byte
	//go:embed src/icon.svg
	iconSVG []byte
	//go:embed dist/app.js
	appJS []byte
	//go:embed dist/style.css
	styleCSS []byte
	//go:embed dist/openapi.json
	openAPI []byte
	//go:embed docs/index.html
	docsHTML []byte
	//go:embed docs/docs.js
	docsJS []byte
	//go:embed docs/docs.css
	docsCSS []byte
	//go:embed docs/swagger-ui-bundle.js.gz
	swaggerJS []byte
	//go:embed docs/swagger-ui.css.gz
	swaggerCSS []byte
	//go:embed docs/swagger-ui-bundle.js.LICENSE.txt
	swaggerLicences []byte
)

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
	icon := asset{"/console/icon.svg", api.Page{Type: svg, Body: iconSVG}}
	console := []asset{
		icon,
		{"/console/app.js", api.Page{Type: javaScript, Body: appJS}},
		{"/console/style.css", api.Page{Type: css, Body: styleCSS}},
	}
	docs := []asset{
		icon,
		{"/docs/docs.js", api.Page{Type: javaScript, Body: docsJS}},
		{"/docs/docs.css", api.Page{Type: css, Body: docsCSS}},
		{"/docs/swagger-ui-bundle.js", api.Page{Type: javaScript, Gzip: swaggerJS}},
		{"/docs/swagger-ui.css", api.Page{Type: css, Gzip: swaggerCSS}},
	}
	routes := []api.Route{
		document("/", consolePolicy, consoleHTML, console),
		document("/docs", docsPolicy, docsHTML, docs),
		api.PageRoute(wire.OpenAPIPath, api.Page{Type: "application/json; charset=utf-8", Body: openAPI}),
		// The bundle's first line says that its authors' licences are here.
		api.PageRoute("/docs/swagger-ui-bundle.js.LICENSE.txt", api.Page{Type: plain, Body: swaggerLicences}),
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
