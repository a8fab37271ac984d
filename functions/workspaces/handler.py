"""Workspaces: signing one up, and seeing how far it is."""

from misentinel.access import PUBLIC
from misentinel.api import Api, Reply, current_request
from misentinel.tenancy import Registry
from misentinel.workspaces.model import SignUp, Workspace
from misentinel.workspaces.signup import sign_up

api = Api()


@api.post("/v1/workspaces", needs=PUBLIC, action="workspaces.create", status=202)
def create_workspace(asked: SignUp) -> Reply[Workspace]:
    """Sign up a workspace with its first owner; it is made in the background."""
    workspace = Workspace.of(sign_up(asked, current_request().address))
    return Reply(workspace, headers={"Location": f"/v1/workspaces/{workspace.id}"})


@api.get("/v1/workspaces/<workspace_id>", needs=PUBLIC, action="workspaces.read")
def read_workspace(workspace_id: str) -> Workspace:
    """How far a workspace is, for whoever holds its id; counted by address, for nobody known asks."""
    return Workspace.of(Registry().by_id(workspace_id))


handler = api.handler
