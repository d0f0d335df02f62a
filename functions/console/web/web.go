// Package web has the files for browsers: the console at /, the API reference at
// /docs, and the OpenAPI document that the reference shows. The console calls
// the API like any other client.
package web

import (
	_ "embed" // the files
	"strings"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The files. `make console` builds dist from src; docs/swagger-ui* are copies of
// Swagger UI's files.
var (
	//go:embed src/index.html
	consoleHTML []byte
	//go:embed src/icon.svg
	iconSVG []byte
	//go:embed dist/app.js
	appJS []byte
	//go:embed dist/style.css
	styleCSS []byte
	//go:embed dist/LICENSES.txt
	licences []byte
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

// The policies allow a page to load from and call its own origin only. They
// forbid inline scripts and styles, and frames of other sites. In the console
// only lit-html's templates may turn strings into markup. Swagger UI has images
// in its style sheet.
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

// Pages returns the routes of all pages.
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
		// The first lines of both bundles say that their authors' licences are here.
		api.PageRoute("/console/LICENSES.txt", api.Page{Type: plain, Body: licences}),
		api.PageRoute("/docs/swagger-ui-bundle.js.LICENSE.txt", api.Page{Type: plain, Body: swaggerLicences}),
	}
	for _, a := range append(console, docs[1:]...) {
		routes = append(routes, api.PageRoute(a.path, a.page))
	}
	return routes
}

// An asset is a file that documents load.
type asset struct {
	path string
	page api.Page
}

// document is an HTML page. It loads its assets under their versions, so that a
// browser requests each version once. Its addresses are relative, so that they work
// below a base path, too.
func document(path, policy string, text []byte, assets []asset) api.Route {
	var versions []string
	for _, a := range assets {
		relative := strings.TrimPrefix(a.path, "/")
		versions = append(versions, `"`+relative+`"`, `"`+relative+`?v=`+a.page.Version()+`"`)
	}
	body := strings.NewReplacer(versions...).Replace(string(text))
	return api.PageRoute(path, api.Page{Type: html, Body: []byte(body), Policy: policy})
}
