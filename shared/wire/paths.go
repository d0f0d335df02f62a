// Package wire has what the API's server and its clients share: paths, the
// JSON bodies of requests and answers, and error codes.
package wire

// Paths of the API. Each is served with and without a trailing slash.
const (
	TokensPath        = "/api/token"
	TokenPath         = TokensPath + "/" + IDParameter
	SearchPath        = TokensPath + "/search"
	RotatePath        = TokenPath + "/rotate"
	ExtraPath         = TokenPath + "/extra"
	KeyPath           = TokenPath + "/key"
	AuditPath         = TokenPath + "/audit"
	BatchPath         = TokensPath + "/batch"
	BatchCreatePath   = BatchPath + "/create"
	BatchStatusPath   = BatchPath + "/status"
	BatchKeysPath     = BatchPath + "/keys"
	VerifyPath        = TokensPath + "/verify"
	ReservePath       = TokensPath + "/reserve"
	SettlePath        = TokensPath + "/settle"
	ReleasePath       = TokensPath + "/release"
	RevokePath        = TokensPath + "/revoke"
	UsagePath         = "/api/usage/token"
	StatusPath        = "/api/status"
	SelfPath          = "/api/user/self"
	BudgetPath        = SelfPath + "/budget"
	SelfAuditPath     = SelfPath + "/audit"
	WebhooksPath      = SelfPath + "/webhooks"
	WebhookPath       = WebhooksPath + "/" + IDParameter
	WebhookRotatePath = WebhookPath + "/rotate"
	WebhookTestPath   = WebhookPath + "/test"
	GroupsPath        = SelfPath + "/groups"
	ModelsPath        = "/api/user/models"
	OpenAPIPath       = "/api/openapi.json"
	KeyHistoryPath    = UsagePath + "/history"
	HistoryPath       = TokenPath + "/usage"
	HistoryCSVPath    = HistoryPath + ".csv"
	SelfHistoryPath   = SelfPath + "/usage"
	SelfCSVPath       = SelfHistoryPath + ".csv"
	FamilyDataPath    = "/api/data/self"
	FamilyLogPath     = "/api/log/self"

	// IDParameter stands in a path for the id of a token or webhook.
	IDParameter = "{id}"
)
