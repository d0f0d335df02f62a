// Command batchdelete is the Lambda function behind POST /api/token/batch. It
// serves the other batches too, for their paths with a trailing slash may be
// matched to it; see api.Functions.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.DeleteTokens, api.CreateTokens, api.SetStatuses) }
