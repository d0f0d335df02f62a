// Command search is the Lambda function behind GET /api/token/search.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.SearchTokens) }
