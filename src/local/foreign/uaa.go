package foreign

import (
	"slices"

	"github.com/pks-community/pks-release/src/local/director/catalog"
)

// uaa is the job of uaa-release (reference/uaa.md §13).
func uaa() catalog.Job {
	return catalog.Job{
		Name:       "uaa",
		Properties: slices.Concat(uaaServer(), uaaLogin(), uaaIdentities(), uaaLDAP()),
		Provides: []catalog.Link{
			{Name: "uaa_db", Type: "uaa_db", Properties: []string{"uaadb"}},
			{Name: "uaa_keys", Type: "uaa_keys", Properties: []string{"encryption.active_key_label", "encryption.encryption_keys"}},
		},
		Consumes: []catalog.Link{
			{Name: "router", Type: "http-router", Optional: true},
			{Name: "database", Type: "database", Optional: true},
		},
		Processes: []string{"uaa"},
	}
}

func uaaServer() []string {
	return []string{
		"encryption.active_key_label", "encryption.encryption_keys",
		"uaadb.address", "uaadb.port", "uaadb.db_scheme", "uaadb.databases", "uaadb.roles", "uaadb.tls",
		"uaa.url", "uaa.issuer", "uaa.ssl.port", "uaa.sslCertificate", "uaa.sslPrivateKey", "uaa.ca_certs",
		"uaa.localhost_http_port", "uaa.logging_level", "uaa.catalina_opts", "uaa.shutdown.sleep",
		"uaa.zones.internal.hostnames", "uaa.admin.client_secret", "uaa.clients", "uaa.client.redirect_uri.matching_mode",
		"uaa.disableInternalAuth", "uaa.disableInternalUserManagement", "uaa.database.max_connections",
		"uaa.jwt.queryString.enabled", "uaa.jwt.revocable", "uaa.jwt.claims.exclude",
		"uaa.jwt.policy.active_key_id", "uaa.jwt.policy.keys",
		"uaa.jwt.policy.accessTokenValiditySeconds", "uaa.jwt.policy.refreshTokenValiditySeconds",
		"uaa.jwt.refresh.format", "uaa.jwt.refresh.unique", "uaa.jwt.refresh.rotate", "uaa.jwt.refresh.restrict_grant",
		"env.http_proxy", "env.https_proxy", "env.no_proxy",
	}
}

func uaaLogin() []string {
	return []string{
		"login.self_service_links_enabled", "login.defaultIdentityProvider", "login.idpDiscoveryEnabled",
		"login.saml.activeKeyId", "login.saml.keys", "login.saml.providers", "login.saml.entityid", "login.saml.entity_base_url",
		"login.saml.signRequest", "login.saml.wantAssertionSigned", "login.saml.signMetaData", "login.saml.signatureAlgorithm",
		"login.oauth.providers", "login.prompt.username.text", "login.prompt.password.text", "login.branding.company_name",
	}
}

func uaaIdentities() []string {
	return []string{
		"uaa.user.authorities", "uaa.scim.groups", "uaa.scim.users", "uaa.scim.user.override", "uaa.scim.userids_enabled",
		"uaa.scim.external_groups", "uaa.delete",
		"uaa.authentication.policy.lockoutAfterFailures", "uaa.authentication.policy.countFailuresWithinSeconds",
		"uaa.authentication.policy.lockoutPeriodSeconds", "uaa.password.policy.minLength",
	}
}

func uaaLDAP() []string {
	var properties []string
	for _, name := range []string{
		"enabled", "override", "profile_type", "url", "userDN", "userPassword", "searchBase", "searchFilter", "sslCertificate",
		"ssl.skipverification", "ssl.tls", "mailAttributeName", "mailSubstitute", "referral", "emailDomain", "attributeMappings",
		"storeCustomAttributes", "externalGroupsWhitelist", "add_shadow_user_on_login", "groups.profile_type", "groups.searchBase",
		"groups.groupSearchFilter", "groups.searchSubtree", "groups.maxSearchDepth", "groups.groupRoleAttribute",
	} {
		properties = append(properties, "uaa.ldap."+name)
	}
	return properties
}
