package wire

// A SystemStatus describes the deployment. Its names are those of New API.
type SystemStatus struct {
	SystemName   string `json:"system_name"`              // "Latchkey"
	Version      string `json:"version"`                  // of the server
	QuotaPerUnit *int64 `json:"quota_per_unit,omitempty"` // units per dollar; nil if the operator has set no price table
}
