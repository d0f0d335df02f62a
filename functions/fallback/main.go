// Command fallback is the Lambda function behind $default: it takes what no
// route key of the gateway matches. That may be a path of the API written
// with a trailing slash, hence all routes; the rest is 404 or 405.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.Routes()...) }
