//! Users and roles: there are none, and authentication is off.
//!
//! What etcd answers while nobody has been added is answered as it does; what would add a user or a
//! role is not implemented, and says so.

use anatomy_proto::etcdserverpb::auth_server::Auth;
use anatomy_proto::etcdserverpb::*;
use tonic::{Request, Response, Status};

use super::Api;
use crate::server::refusal::Refusal;

type Answer<T> = Result<Response<T>, Status>;

fn nobody_kept() -> Status {
    Status::unimplemented("mini-etcd keeps no users and roles")
}

/// Implements the service: the calls with a refusal, and those that are written out.
macro_rules! auth {
    (
        refused { $($call:ident($request:ty) -> $response:ty = $status:expr;)* }
        $($other:tt)*
    ) => {
        #[tonic::async_trait]
        impl Auth for Api {
            $(
                async fn $call(&self, request: Request<$request>) -> Answer<$response> {
                    self.admit(request.metadata())?;
                    Err($status)
                }
            )*
            $($other)*
        }
    };
}

auth! {
    refused {
        auth_enable(AuthEnableRequest) -> AuthEnableResponse = Refusal::RootUserNotExist.into();
        authenticate(AuthenticateRequest) -> AuthenticateResponse = Refusal::AuthNotEnabled.into();
        user_add(AuthUserAddRequest) -> AuthUserAddResponse = nobody_kept();
        user_get(AuthUserGetRequest) -> AuthUserGetResponse = Refusal::UserNotFound.into();
        user_delete(AuthUserDeleteRequest) -> AuthUserDeleteResponse = Refusal::UserNotFound.into();
        user_change_password(AuthUserChangePasswordRequest) -> AuthUserChangePasswordResponse =
            Refusal::UserNotFound.into();
        user_grant_role(AuthUserGrantRoleRequest) -> AuthUserGrantRoleResponse =
            Refusal::UserNotFound.into();
        user_revoke_role(AuthUserRevokeRoleRequest) -> AuthUserRevokeRoleResponse =
            Refusal::UserNotFound.into();
        role_add(AuthRoleAddRequest) -> AuthRoleAddResponse = nobody_kept();
        role_get(AuthRoleGetRequest) -> AuthRoleGetResponse = Refusal::RoleNotFound.into();
        role_delete(AuthRoleDeleteRequest) -> AuthRoleDeleteResponse = Refusal::RoleNotFound.into();
        role_grant_permission(AuthRoleGrantPermissionRequest) -> AuthRoleGrantPermissionResponse =
            Refusal::RoleNotFound.into();
        role_revoke_permission(AuthRoleRevokePermissionRequest) -> AuthRoleRevokePermissionResponse =
            Refusal::RoleNotFound.into();
    }

    /// It is off already.
    async fn auth_disable(&self, request: Request<AuthDisableRequest>) -> Answer<AuthDisableResponse> {
        self.admit(request.metadata())?;
        Ok(Response::new(AuthDisableResponse { header: self.header() }))
    }

    async fn user_list(&self, request: Request<AuthUserListRequest>) -> Answer<AuthUserListResponse> {
        self.admit(request.metadata())?;
        Ok(Response::new(AuthUserListResponse { header: self.header(), users: Vec::new() }))
    }

    async fn role_list(&self, request: Request<AuthRoleListRequest>) -> Answer<AuthRoleListResponse> {
        self.admit(request.metadata())?;
        Ok(Response::new(AuthRoleListResponse { header: self.header(), roles: Vec::new() }))
    }
}
