// Command create is the Lambda function behind POST /api/token. It serves the
// other POST routes too, for /api/token/verify/ and its like, with a trailing
// slash, may be matched to it; see api.Functions.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() {
	boot.Run(api.CreateToken, api.RotateKey, api.CreateTokens, api.DeleteTokens, api.SetStatuses,
		api.VerifyKey, api.ReserveQuota, api.SettleHold, api.ReleaseHold)
}
