// Command list is the Lambda function behind GET /api/token. It serves a
// single token and the search too, for /api/token/{id}/ and /api/token/search/
// with a trailing slash may be matched to it; see api.Functions.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.ListTokens, api.GetToken, api.SearchTokens) }
