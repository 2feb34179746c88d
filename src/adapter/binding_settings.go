package adapter

import "time"

// bindingSettings is the plan's "binding" object.
type bindingSettings struct {
	// TokenLifetime is how long a handed-out token is good for, such as "8h".
	// Empty: until it is withdrawn.
	TokenLifetime string `json:"token_lifetime"`
}

// minTokenLifetime is the API server's own limit for TokenRequest.
const minTokenLifetime = 10 * time.Minute

func (b bindingSettings) check() error {
	if b.TokenLifetime == "" {
		return nil
	}
	if d, err := time.ParseDuration(b.TokenLifetime); err != nil || d < minTokenLifetime {
		return refuse("plan.properties.binding.token_lifetime is %q.", b.TokenLifetime).
			WithRemedy("Give a duration of at least 10m, such as 8h, or leave it out for tokens that last.")
	}
	return nil
}
