package session

import (
	"context"
	"errors"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// ClusterClient is the client of UAA that clusters trust; it has no secret
// (reference/pks-api.md §2.1).
const ClusterClient = "pks_cluster_client"

// Person is somebody who is known to UAA, as a cluster wants to know it.
type Person struct {
	Name    string
	ID      pks.Secret // token for the cluster
	Refresh pks.Secret // to renew it
	Access  pks.Secret // for UAA and the API: it only tells who it is
}

// ErrNoIDToken: UAA gave tokens, but none for clusters.
var ErrNoIDToken = errors.New("UAA gave no ID token: its client for clusters needs the scope openid")

// Introduce logs a person in at UAA as the client, by password, passcode or what a
// browser brought back.
func Introduce(ctx context.Context, login Login, client string) (Person, error) {
	address, err := findUAA(ctx, login)
	if err != nil {
		return Person{}, err
	}
	tokens, _, err := login.person(ctx, address, client)
	if err != nil {
		return Person{}, err
	}
	return personOf(tokens)
}

// Renew trades a person's refresh token for new tokens. ErrNotLoggedIn says that
// only a new log-in helps.
func Renew(ctx context.Context, login Login, client string, token pks.Secret) (Person, error) {
	address, err := findUAA(ctx, login)
	if err != nil {
		return Person{}, err
	}
	tokens, err := trade(ctx, address, login.TLS, client, token)
	if err != nil {
		return Person{}, err
	}
	if tokens.Refresh == "" {
		tokens.Refresh = token
	}
	return personOf(tokens)
}

func personOf(tokens uaa.Tokens) (Person, error) {
	if tokens.ID == "" {
		return Person{}, ErrNoIDToken
	}
	return Person{Name: userName(tokens.ID), ID: tokens.ID, Refresh: tokens.Refresh, Access: tokens.Access}, nil
}

// Issuer is what stands as issuer in the tokens of the login's UAA.
func Issuer(ctx context.Context, login Login) (string, error) {
	address, err := findUAA(ctx, login)
	if err != nil {
		return "", err
	}
	client, err := newUAA(address, login.TLS, ClusterClient, "")
	if err != nil {
		return "", err
	}
	defer client.Close()
	return client.Issuer(ctx)
}

// Again is a login at the same place as the same person, without what proves it.
func (c Credentials) Again() (Login, error) {
	target, err := ParseTarget(c.API)
	if err != nil {
		return Login{}, err
	}
	login := Login{Target: target, TLS: c.TLS(), Timeout: c.RequestTimeout(), UAA: c.UAA, Username: c.Username}
	if login.UAA == "" {
		login.UAA = target.UAA
	}
	return login, nil
}
