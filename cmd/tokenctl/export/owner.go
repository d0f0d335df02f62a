package export

// isOfDisabledUser reports whether a token does not work because its user is disabled.
// It skips a token of a deleted user.
func (f *fields) isOfDisabledUser() bool {
	switch reason, status := f.ownerRefusal(); {
	case reason == Deleted:
		f.skip = "its user is deleted"
	case reason == Blocked && status == 2:
		f.warnings = append(f.warnings, "its user is disabled, so it is imported disabled")
		return true
	case reason == Blocked:
		f.wrong("users.status", "must be between 1 and 3")
	}
	return false
}

// ownerRefusal returns why New API and One API refuse the keys of a token's user, or
// "", and the user's status. Only a database says so, in its table users. Where its
// status has no value, they read 0.
func (f *fields) ownerRefusal() (reason string, status int64) {
	const enabled, deleted = 1, 3 // 2 is disabled
	status = enabled
	if f.present["users"] || f.present["users.status"] {
		status = 0
	}
	status = or(f.integer("users.status"), status)
	_, at := f.text("users.deleted_at")
	switch {
	case or(f.boolean("users.missing"), false), at != "", status == deleted:
		return Deleted, status
	case status != enabled:
		return Blocked, status
	default:
		return "", status
	}
}
