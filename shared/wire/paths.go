// Package wire has what the API's server and its clients share: paths, the
// JSON bodies of requests and answers, and error codes.
package wire

// Paths of the API. Each is served with and without a trailing slash.
const (
	TokensPath      = "/api/token"
	TokenPath       = TokensPath + "/" + IDParameter
	SearchPath      = TokensPath + "/search"
	RotatePath      = TokenPath + "/rotate"
	ExtraPath       = TokenPath + "/extra"
	KeyPath         = TokenPath + "/key"
	BatchPath       = TokensPath + "/batch"
	BatchCreatePath = BatchPath + "/create"
	BatchStatusPath = BatchPath + "/status"
	BatchKeysPath   = BatchPath + "/keys"
	VerifyPath      = TokensPath + "/verify"
	ReservePath     = TokensPath + "/reserve"
	SettlePath      = TokensPath + "/settle"
	ReleasePath     = TokensPath + "/release"
	UsagePath       = "/api/usage/token"
	StatusPath      = "/api/status"
	SelfPath        = "/api/user/self"
	BudgetPath      = SelfPath + "/budget"
	GroupsPath      = SelfPath + "/groups"
	ModelsPath      = "/api/user/models"
	OpenAPIPath     = "/api/openapi.json"

	// IDParameter stands in a path for the id of a token.
	IDParameter = "{id}"
)
