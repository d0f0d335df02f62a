// Command batchstatus is the Lambda function behind POST
// /api/token/batch/status.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.SetStatuses) }
