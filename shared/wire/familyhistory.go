package wire

// A FamilyData is what a chart of New API's clients shows: the requests of a user
// with a model. Its names are those of New API, which has one for each hour; here
// it is for a day of UTC.
type FamilyData struct {
	ID        int64  `json:"id"` // 0
	UserID    int64  `json:"user_id"`
	Username  string `json:"username"` // ""
	ModelName string `json:"model_name"`
	CreatedAt int64  `json:"created_at"` // Unix seconds: when the day begins
	TokenUsed int64  `json:"token_used"` // input with caches, and output
	Count     int64  `json:"count"`      // requests
	Quota     int64  `json:"quota"`      // units
}

// FamilyLogs are a page of FamilyLog, newest first.
type FamilyLogs struct {
	Page     int64       `json:"page"`
	PageSize int64       `json:"page_size"`
	Total    int64       `json:"total"`
	Items    []FamilyLog `json:"items"`
}

// A FamilyLog is an entry of the log of New API's clients. New API has one for each
// request; here it is for all requests of a token with a model in a day of UTC.
type FamilyLog struct {
	ID               int64  `json:"id"`         // position in the whole list, from 1
	CreatedAt        int64  `json:"created_at"` // Unix seconds: when the day begins
	Type             int64  `json:"type"`       // FamilyLogConsume
	Content          string `json:"content"`    // how many requests the entry is for
	TokenID          int64  `json:"token_id"`
	TokenName        string `json:"token_name"`
	ModelName        string `json:"model_name"`
	ChannelName      string `json:"channel_name"` // ""
	Quota            int64  `json:"quota"`        // units
	PromptTokens     int64  `json:"prompt_tokens"`
	CompletionTokens int64  `json:"completion_tokens"`
	UseTime          int64  `json:"use_time"`  // 0
	IsStream         bool   `json:"is_stream"` // false
}

// FamilyLogConsume is the type of entries for requests that were charged.
const FamilyLogConsume = 2
