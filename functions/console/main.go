// Command console is the Lambda function behind GET / and its files, GET
// /docs, and GET /api/openapi.json: what browsers ask for.
package main

import (
	"github.com/latchkey-api/latchkey/functions/console/web"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.RunPages(web.Pages()...) }
